// What the classifiers of the zoo accept.

/** The pictures a classifier takes and what it tells apart. */
export interface ImageModelOptions {
  /** Height, width, channels. */
  inputShape?: readonly [height: number, width: number, channels: number];
  classes?: number;
  name?: string;
}
