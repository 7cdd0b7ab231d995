// The package's types in TypeScript 5.9, by Node's rules as they were first.
import { NODE16, quick, testModes } from './compile'

testModes('typescript-5.9', [quick(NODE16)])
