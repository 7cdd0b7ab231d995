// The plugin as the default export of a module, its options beside it.
import sluice, { defineSluice } from 'fastify-sluice'

export default sluice
export const autoConfig = (app) => defineSluice(app.edgeOptions)
