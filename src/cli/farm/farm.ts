/** `npm run farm`: see FLEET.md beside the commands. */
import { command } from '../files'
import { farm } from './commands'
import { PageEvaluator } from './evaluator'

await command((argv) => farm(argv, (own) => new PageEvaluator(own)))
