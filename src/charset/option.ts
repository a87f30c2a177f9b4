/** The option that names the character set of the other end: of servers, clients and shells. */
import { text } from '../options.ts';
import { canonicalCharset } from './names.ts';

export const encodingOption = text({
  default: 'utf-8',
  allowed: 'the name of a character set',
  holds: name => canonicalCharset(name) !== undefined,
});
