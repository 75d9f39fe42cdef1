/** Reading ONNX files without running them. */
export { assertFinite, assertFiniteData } from './finite'
export { readOnnx, type OnnxModel, type OnnxPort } from './model'
