// The package's types in TypeScript 5.9, CommonJS, also without esModuleInterop.
import { COMMONJS, testModes } from './compile'

const PLAIN = {
  ...COMMONJS,
  name: 'commonjs, no esModuleInterop',
  flags: ['--module', 'commonjs', '--skipLibCheck']
}

testModes('typescript-5.9', [COMMONJS, PLAIN])
