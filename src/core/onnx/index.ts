/** Reading ONNX files without running them. */
export { assertFinite } from './finite'
export { readOnnx, type OnnxModel, type OnnxPort } from './model'
