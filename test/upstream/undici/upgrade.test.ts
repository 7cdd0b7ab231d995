// What upstream/upgrade.test.ts says of one client holds for the other.
import '../../support/undici-client'
import '../upgrade.test'
