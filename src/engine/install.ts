// Makes tensors computable: imported by the package's entry for its effect, and by nothing else.
import { installRuntime } from '../graph/runtime.js';
import { EngineRuntime } from './execute.js';

installRuntime(new EngineRuntime());
