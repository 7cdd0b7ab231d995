// What upstream/dial.test.ts says of one client holds for connections of our own.
import '../../support/own-client'
import '../dial.test'
