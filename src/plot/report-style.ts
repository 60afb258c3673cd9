// The look of ./report.ts: one style sheet, colours as custom properties that follow the reader's light or dark setting.

import { fontFamily, type Role, themes } from './theme.js';

const roles = Object.keys(themes.light) as Role[];

/** Each role as a custom property, for drawings within the page. */
export const reportColours = Object.fromEntries(roles.map((role) => [role, `var(--${role})`])) as Record<Role, string>;

function properties(name: keyof typeof themes): string {
  return roles.map((role) => `--${role}:${themes[name][role]}`).join(';');
}

export const reportStyle = `
:root{${properties('light')};--page:#f4f6f8;--edge:#dde2e8;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{${properties('dark')};--page:#0d1117;--edge:#2b333d}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 ${fontFamily}}
header,nav,main{max-width:1060px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
h1{font-size:30px;line-height:1.2;margin:0 0 24px;letter-spacing:-.02em;overflow-wrap:anywhere}
h1 small{font-size:1em;font-weight:400;color:var(--muted)}
h2{font-size:20px;margin:0 0 12px;letter-spacing:-.01em}
h3{font-size:15px;margin:20px 0 8px}
h4{font-size:13px;margin:0 0 6px;font-weight:600}
h4 small{font-size:12px;font-weight:400;color:var(--muted);margin-left:6px}
.kind{margin:0 0 4px;color:var(--muted);font-size:13px}
.scores{display:flex;flex-wrap:wrap;gap:12px;margin-bottom:20px}
.score{background:var(--surface);border:1px solid var(--edge);border-radius:10px;padding:12px 20px;min-width:150px}
.score b{display:block;font-size:26px;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.score span{color:var(--muted);font-size:13px}
.facts{display:flex;flex-wrap:wrap;gap:12px 36px;margin:0}
.facts dt{color:var(--muted);font-size:12px}
.facts dd{margin:0;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;margin-top:24px;font-size:14px}
a{color:var(--right)}
nav a{text-decoration:none;padding:4px 0}
nav a:hover{text-decoration:underline}
main{padding-bottom:64px}
section{padding-top:36px}
.note{color:var(--muted);margin:-6px 0 12px;font-size:14px;max-width:72ch}
.muted{color:var(--muted)}
figure{margin:0}
.card{background:var(--surface);border:1px solid var(--edge);border-radius:10px;padding:12px}
.scroll{overflow-x:auto}
.tall{max-height:560px;overflow-y:auto}
.tall thead th{position:sticky;top:-12px;background:var(--surface)}
svg{display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:16px}
.charts svg{width:100%;max-width:640px;height:auto;margin:0 auto}
#confusion svg{margin:0 auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:6px 12px;border-bottom:1px solid var(--grid);vertical-align:baseline}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--muted);font-weight:400;font-size:12px;white-space:nowrap}
tbody th{font-weight:400;overflow-wrap:anywhere;min-width:6em}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{display:inline-block;width:96px;height:8px;margin-right:10px;background:var(--grid);border-radius:4px;overflow:hidden}
.bar i{display:block;height:100%;background:var(--right)}
.settings th{color:var(--muted);white-space:nowrap;padding-left:4px}
.settings td{overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:0 16px}
img{display:block;max-width:100%;height:auto;image-rendering:pixelated}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(136px,1fr));gap:12px}
.mistake{background:var(--surface);border:1px solid var(--edge);border-radius:10px;padding:10px;font-size:13px;line-height:1.4}
.mistake img{width:112px;height:112px;object-fit:contain;margin:0 auto 8px}
.mistake span{display:block;overflow-wrap:anywhere}
.mistake b{font-weight:600;white-space:nowrap}
.wrong{color:var(--wrong)}
.activation{margin-bottom:12px}
summary{display:flex;align-items:center;gap:14px;cursor:pointer;font-weight:600;list-style-position:inside}
summary::before{content:"";flex:none;border:5px solid transparent;border-left-color:var(--muted);margin:0 -8px 0 4px}
details[open]>summary::before{transform:rotate(90deg) translate(2px,2px)}
summary img{width:64px;height:64px;object-fit:contain}
.layers{display:grid;gap:18px;padding:16px 4px 4px}
pre{margin:0;font:12.5px/1.45 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
.command{user-select:all}
@media (max-width:560px){
header,nav,main{padding-left:14px;padding-right:14px}
header{padding-top:24px}
h1{font-size:24px}
.score{flex:1 1 40%;min-width:0;padding:10px 14px}
.score b{font-size:21px}
.bar{display:none}
.card{padding:8px}
th,td{padding:6px 8px}
.mistakes{grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:8px}
.mistake img{width:84px;height:84px}
.sheet{max-width:max(100%,min(600px,var(--natural)))}
.charts svg text{font-size:14px}
pre{font-size:11px}
}
@media print{body{background:#fff}section{break-inside:avoid}}
`;
