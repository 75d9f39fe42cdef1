export { HUB_ENDPOINT, modelAddressText, parseEndpoint, parseModelAddress } from './address'
export { assertGraphs, holdsNoGraphs, licenceLine, licenceOf } from './licence'
