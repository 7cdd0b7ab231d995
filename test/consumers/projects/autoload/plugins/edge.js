// The plugin itself as a file of plugins/; its options come from `options` of @fastify/autoload.
module.exports = require('fastify-sluice')
