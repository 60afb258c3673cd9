// Gives tensors their runtime. The one module that does something when it is imported: package.json lists
// it under `sideEffects`, so that no bundler drops it.
import { installRuntime } from '../graph/runtime.js';
import { EngineRuntime } from './execute.js';

installRuntime(new EngineRuntime());
