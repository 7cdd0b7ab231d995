// Jest before Node 24.9 cannot `require` this ES module, which @fastify/static takes for its downloads alone.
jest.mock('content-disposition', () => ({}))
