// The package's types in TypeScript 6, by Node's rules as they were first.
import { NODE16, quick, testModes } from './compile'

testModes('typescript-6', [quick(NODE16)])
