export { HUB_ENDPOINT, modelAddressText, parseEndpoint, parseModelAddress } from './address'
export { holdsNoGraphs, licenceLine, licenceOf } from './licence'
