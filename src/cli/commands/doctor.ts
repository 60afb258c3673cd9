// `fovea doctor` and `fovea --version`: what runs here, and why not something else.
import { currentEngine } from '../../engine/current.js';
import { engineReport } from '../../engine/select.js';
import { EXIT, type Output } from '../output.js';
import { packageVersion } from '../version.js';

/** Prints the version and the engine. */
export async function version(output: Output): Promise<number> {
  const { info } = await currentEngine();
  const text = await packageVersion();
  output.text(
    `fovea ${text} (${info.name} ${info.level}, ${info.threads} ${info.threads === 1 ? 'thread' : 'threads'})`,
  );
  output.event('version', { version: text, engine: info });
  return EXIT.done;
}

/** Prints every engine's state. */
export async function doctor(output: Output): Promise<number> {
  const { info } = await currentEngine();
  const report = await engineReport(info);
  const text = await packageVersion();
  output.text(`fovea ${text}, Node ${process.versions.node} on ${process.platform} ${process.arch}`);
  for (const { name, isInUse, info: offered, reason } of report) {
    const what =
      offered === undefined ? '' : ` ${offered.level}, ${offered.threads} threads (${offered.threadsReason})`;
    output.text(`${isInUse ? '*' : ' '} ${name}${what}: ${reason}`);
    if (offered !== undefined && offered.levels.length > 1) output.text(`    levels: ${offered.levels.join(', ')}`);
    for (const note of offered?.notes ?? []) output.text(`    ${note}`);
  }
  output.event('doctor', {
    version: text,
    node: process.versions.node,
    platform: process.platform,
    architecture: process.arch,
    engines: report,
  });
  return EXIT.done;
}
