import { testMutants } from './differential-mutants'

testMutants(0)
