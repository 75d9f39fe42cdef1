/** Reading ONNX files without running them. */
export { readOnnx, type OnnxModel, type OnnxPort } from './model'
