import { kermit } from './clients/kermit.ts';
import { tintin, tinyfugue } from './clients/mud.ts';
import { nmapScripts } from './clients/nmap.ts';
import { telnetClient } from './clients/npm.ts';
import { netTelnet } from './clients/perl.ts';
import { curl, libtelnetClient } from './clients/plain.ts';
import { plink } from './clients/plink.ts';
import { telnetlib } from './clients/python.ts';
import { busyboxTelnet, gnuTelnet, telnetSsl } from './clients/telnet.ts';
import { testMatrix } from './matrix.ts';

const screens = [gnuTelnet, telnetSsl, busyboxTelnet, plink, kermit, tintin, tinyfugue, libtelnetClient, curl];
const libraries = [telnetlib, netTelnet, telnetClient];
testMatrix('our server', [...screens, ...libraries, nmapScripts]);
