// Transfer learning: a network that knows other pictures learns to tell new ones apart.
export { type FinetuneEvent, type FinetuneOptions, type FinetuneResult, finetune } from './finetune.js';
export type { Judgement as ClassifierJudgement, Mistake as ClassifierMistake } from './judge.js';
export type { TransferData } from './pictures.js';
export type { Plan as TransferPlan, PlanOptions as TransferPlanOptions, Scenario as TransferScenario } from './plan.js';
