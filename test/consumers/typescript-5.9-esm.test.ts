// The package's types in TypeScript 5.9, by Node's rules and by a bundler's.
import { BUNDLER, NODENEXT, quick, testModes } from './compile'

testModes('typescript-5.9', [quick(NODENEXT), BUNDLER])
