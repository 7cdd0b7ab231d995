// The package's types in TypeScript 6, CommonJS.
import { COMMONJS, testModes } from './compile'

testModes('typescript-6', [COMMONJS])
