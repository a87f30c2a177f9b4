import { testMatrix } from './matrix.ts';
import { chatServer, serialLine, twistedServer } from './servers/others.ts';
import { busybox, gnu, netkit } from './servers/telnetd.ts';

testMatrix('our client', [gnu, netkit, busybox, serialLine, chatServer, twistedServer]);
