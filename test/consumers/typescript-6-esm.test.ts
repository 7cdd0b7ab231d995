// The package's types in TypeScript 6, by Node's rules and by a bundler's.
import { BUNDLER, NODENEXT, quick, testModes } from './compile'

testModes('typescript-6', [quick(NODENEXT), BUNDLER])
