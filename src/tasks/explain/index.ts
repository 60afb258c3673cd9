// Seeing what a network learned and why it decides as it does: the names of `fovea/explain`.

export {
  type ActivationOptions,
  type ActivationSheet,
  type ActivationSheetOptions,
  type Activations,
  activationSheet,
  activations,
} from './activations.js';
export {
  type ClassMapOptions,
  classActivationMap,
  type Explanation,
  gradCam,
  gradCamPlusPlus,
} from './class-maps.js';
export type { Target, TargetOptions } from './classes.js';
export { type Dream, type DreamOptions, deepDream } from './deep-dream.js';
export { type FilterOptions, type FilterPictures, filters } from './filters.js';
export {
  guidedBackpropagation,
  guidedGradCam,
  type IntegratedGradients,
  type IntegratedGradientsOptions,
  integratedGradients,
  type PixelExplanation,
  type PixelOptions,
  type SaliencyOptions,
  saliency,
} from './gradients.js';
export { type LayerInfo, layersOf } from './look.js';
export { type FloatArray, type OverlayOptions, overlay, type Size } from './maps.js';
export { type Maximized, type MaximizedPictures, type MaximizeOptions, maximize } from './maximize.js';
export {
  type NearestOptions,
  type NearestPictures,
  type Neighbour,
  nearestPictures,
  type SearchedPictures,
} from './nearest.js';
export { type OcclusionOptions, occlusion } from './occlusion.js';
export type { ModelOptions, Picture, Preparation } from './pictures.js';
