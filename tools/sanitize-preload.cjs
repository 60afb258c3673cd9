// Before a test's process starts: the addon built with sanitizers takes the place of the ordinary one.
const { dlopen } = process;
process.dlopen = (module, file, ...rest) =>
  dlopen.call(process, module, file.endsWith('fovea.node') ? process.env.FOVEA_SANITIZED : file, ...rest);
