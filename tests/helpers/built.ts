/**
 * Builds the page where it is older than its sources, before it is served to the end-to-end tests: a command that some of
 * them run would else build it again under the pages of the others.
 */
import { ensureBuild } from '../../src/cli/page'

ensureBuild()
