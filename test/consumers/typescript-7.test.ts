// The package's types in TypeScript 7.
import { BUNDLER, COMMONJS, NODE16, NODENEXT, testModes } from './compile'

testModes('typescript-7', [COMMONJS, NODE16, NODENEXT, BUNDLER])
