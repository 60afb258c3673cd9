// The look of every plot: colours by role, and type sizes. Lines use the palette of Okabe and Ito, which stays
// distinct under the common kinds of colour blindness.

/** What a colour is for. */
export type Role =
  | 'surface'
  | 'ink'
  | 'muted'
  | 'rule'
  | 'grid'
  | 'right'
  | 'wrong'
  | 'onStrong'
  | `series${1 | 2 | 3 | 4 | 5 | 6 | 7}`;

export type ThemeName = 'light' | 'dark';

export const themes: Readonly<Record<ThemeName, Readonly<Record<Role, string>>>> = {
  light: {
    surface: '#ffffff',
    ink: '#1b2430',
    muted: '#5c6773',
    rule: '#98a2ad',
    grid: '#e6e9ed',
    right: '#0067a3',
    wrong: '#c44e00',
    onStrong: '#ffffff',
    series1: '#0072b2',
    series2: '#d55e00',
    series3: '#009e73',
    series4: '#b4548f',
    series5: '#c98500',
    series6: '#3a9bd9',
    series7: '#4b5563',
  },
  dark: {
    surface: '#161b22',
    ink: '#e8ecf1',
    muted: '#a0abb8',
    rule: '#5f6b78',
    grid: '#2b333d',
    right: '#4fb0ea',
    wrong: '#ff9350',
    onStrong: '#0d1117',
    series1: '#56b4e9',
    series2: '#ff8b3d',
    series3: '#2ec79a',
    series4: '#e59ac6',
    series5: '#f0c040',
    series6: '#8fb8ff',
    series7: '#b6c0cc',
  },
};

/** Roles for lines and bars, in the order of use. */
export const seriesRoles: readonly Role[] = [
  'series1',
  'series2',
  'series3',
  'series4',
  'series5',
  'series6',
  'series7',
];

export const fontFamily =
  "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', 'DejaVu Sans', sans-serif";

/** Type sizes and distances in CSS pixels. */
export const size = { title: 15, label: 12, tick: 11, small: 10, margin: 16 } as const;
