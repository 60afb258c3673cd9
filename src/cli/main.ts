#!/usr/bin/env node
// The command line: `fovea COMMAND`. Commands are loaded when they are called, so that --version is quick.
import { guardStreams } from './interrupt.js';
import { runCli } from './program.js';

guardStreams();
process.exitCode = await runCli(process.argv);
