import { testMutants } from './differential-mutants'

testMutants(1)
