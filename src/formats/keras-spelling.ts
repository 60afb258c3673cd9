// How Keras spells classes in paths, apart from what reads files: layers are named so too.

/** Keras's spelling of a class in paths: `Conv2DTranspose` becomes `conv2d_transpose`. */
export function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
