// The rules of check.mjs for the wording of documents, comments, messages and names of tests, and the few exceptions.
//
// A rule finds a construction that is not idiomatic technical English, or a word that stands for several technical
// terms. It must be right in more than two of three findings: `bad` and `good` are its own test, and a construction
// that is mostly right belongs under `report`, which fails nothing.

const START = '(?:^|(?<=[.!?:] ))["(]?';
const BE = '(?:is|are|was|were|be|been|being)';
const VERB =
  '(?:is|are|was|were|has|have|had|does|do|gets?|goes|comes?|stays?|waits?|counts?|stands?|means?|ends?|makes?|takes?|keeps?|costs?|needs?|remains?|becomes?|belongs?|passes|reaches|follows?|begins?|must|may|can|cannot|will|would)';
const NOUN_PER =
  '(?:second|minute|hour|day|line|session|thread|process|processor|worker|key|turn|round|character|connection|byte|client|core|test|folder|event)';
const COUNTED =
  '(?:\\d+(?:[.,]\\d+)*(?: [KMGkm]?i?B| [mµun]?s)?|one|two|three|four|five|six|ten|twenty|hundred|thousand|million|few|times|bytes|lines|sessions|connections|keys|keystrokes|commands|clients|messages|packets|threads|files|processes|descriptors|numbers|objects|system calls)';

/**
 * @typedef {object} Rule
 * @property {string} id
 * @property {RegExp} pattern matched against a unit, see extract.mjs.
 * @property {string} reason
 * @property {string} write what to write instead.
 * @property {string} bad a text that the rule finds.
 * @property {string} good the same, corrected.
 * @property {boolean} [report] only listed with --report.
 */

/** @type {Rule[]} */
export const RULES = [
  {
    id: 'who-subject',
    pattern: new RegExp(
      `${START}(?:Whoever\\b[^.?]*|Who\\b(?! (?:am|are|is) )[^.?:;]*?(?<!\\b(?:who|what|that|which|and|or|it|they|Who)) ${VERB}\\b[^.?]*)(?:[.;:]|$)|; whoe?v?e?r? (?!else)\\w+|\\bwhoever\\b|\\b(?:for|to|from|by|than|with) who(?! knows)\\b|: who (?:[\\w'-]+ ){1,8}?${VERB}\\b(?=[^,]*$)`,
      'g',
    ),
    reason: 'a relative clause is the subject or object',
    write: 'a noun: "clients that …", "a user who …"',
    bad: 'Who connects too often is refused.',
    good: 'Clients that connect too often are refused.',
  },
  {
    id: 'what-subject',
    pattern: new RegExp(
      `${START}(?:What|Whatever)\\b(?! about)[^.?:;]*?\\b(?:\\w+(?:ed|en|[^s'u]s)|said|sent|came|come|stood|left|told|had|do|put|read|built|made|is|are|was|were|has|can|cannot|may|must)\\b[^.?:;]*?(?<!\\b(?:what|that|which|who|and|or|it|they|as|there|how|where|when|than|if|not|to|What|Whatever|X|\\w*X)) (?:then |also |only |still )?(?:(?:is|are|was|were)(?! (?:for|made)\\b)|has|goes|comes|stays|waits|counts|stands|means|ends|must|may|can|cannot|will|would|becomes|belongs|follows|remains)\\b[^.?:;]* \\w`,
      'g',
    ),
    reason: 'a relative clause is the subject',
    write: 'a noun: "bytes that …", "output that …"',
    bad: 'What the client typed is in no log.',
    good: 'Typed text is not logged.',
  },
  {
    id: 'is-no',
    pattern:
      /(?<!\b[Tt]here |\bthere \w+ )\b(?:is|are|was|were|be|been|being) no (?!longer|more\b|less\b|better|worse|faster|slower|larger|smaller|greater|later|earlier|different|sooner|doubt|need|different|use\b|good\b|one\b|news\b)\w+/g,
    reason: '"is no X" denies the wrong word',
    write: '"is not an X"',
    bad: 'This code is no command.',
    good: 'This code is not a command. There is no command for it, and it is no longer sent.',
  },
  {
    id: 'is-none',
    pattern: new RegExp(
      `(?<!\\b[Tt]here |\\b[Tt]here has |\\b[Tt]here have )\\b${BE} none\\b(?! of)|\\b(?:tells?|told|names?|knows?|sends?|answers?|asks?|says?|said|checks?|wants?|as|of|for|to|with) none\\b(?! of)|\\bnone any ?more\\b`,
      'g',
    ),
    reason: '"none" as a noun has no clear reference',
    write: 'repeat the noun: "is not a character", "names no character set"',
    bad: 'A byte that is none becomes U+FFFD.',
    good: 'A byte that is not a character becomes U+FFFD. If there is none, zero.',
  },
  {
    id: 'so-many',
    pattern:
      /\b[Ss]o (?:many|much|long|few|often|little)\b(?! as\b| that\b|,? so\b)(?![^.;:]{0,70}\bthat\b)|\bas much again\b|\bso and so many\b/g,
    reason: '"so many" without "as" or "that" has no measure in English',
    write: '"this many", "that long", the number itself or its name',
    bad: 'It ends after so many milliseconds.',
    good: 'It ends after this number of milliseconds. It takes so long that it ends, and so many as ten.',
  },
  {
    id: 'at-length',
    pattern: /\bat length\b/g,
    reason: '"at length" means "in detail"',
    write: '"sustained", "on average", "eventually"',
    bad: 'new connections from one address, at length',
    good: 'sustained rate of new connections from one address',
  },
  {
    id: 'mend',
    pattern: /\bmend(?:s|ed|ing)?\b/g,
    reason: '"mend" is not used of software',
    write: '"fix", "repair", "correct"',
    bad: 'The test fails without the mend.',
    good: 'The test fails without the fix.',
  },
  {
    id: 'unless-told',
    pattern: /\bunless (?:told|said|asked|told otherwise|said otherwise)\b/g,
    reason: 'not an English construction',
    write: '"by default", "unless X is set"',
    bad: '512 unless told',
    good: '512 by default',
  },
  {
    id: 'be-it',
    pattern: /\bbe (?:it|they|he)\b(?! \?)(?!')/g,
    reason: 'archaic',
    write: '"whether … or …"',
    bad: 'Each end, be it an error, is logged.',
    good: 'Each end is logged, whether or not it is an error.',
  },
  {
    id: 'tell',
    pattern:
      /\b(?:[Tt]old|[Tt]elling|[Tt]ells?)\b(?! \S+ \S* ?\S* ?\S* ?(?:apart|from)\b)(?! (?:apart|whether|if|which|how|what|where|when)\b)|\b[Tt]ells (?:whether|if|which|how|what|where|when)\b/g,
    reason: '"tell" is a metaphor for an event, a message or a setting',
    write: '"report", "send", "notify", "request", "log", "set"; for readers of output "distinguish"',
    bad: 'The client is told of the mode.',
    good: 'The client receives the mode. The server cannot tell a NUL from data, or tell whether one is data.',
  },
  {
    id: 'hear',
    pattern: /\b(?:[Hh]ears?|[Hh]eard|[Hh]earing)\b/g,
    reason: '"hear" is a metaphor for receiving',
    write: '"receive", "get", "be notified"',
    bad: 'The worker has heard of it.',
    good: 'The worker received the message.',
  },
  {
    id: 'say',
    pattern:
      /\b(?:is|are|was|were|be|been|being|unless|as|than) said\b|\b(?:peer|client|server|program|session|user|kernel|addon|engine|process|system|terminal|libuv|stranger|end|other side|who|worker|primary|shell|parser|device|pager|bridge|PuTTY|Node|caller|game|npm)s? (?:has |have |had |then |also |only |first |itself )?(?:says?|said)\b|\bsa(?:id|ys?|ying) nothing\b/g,
    reason: '"say" is a metaphor for a message of the protocol, a return value or a call',
    write: '"send", "report", "request", "announce", "print", "return"; documents and people say things',
    bad: 'The client has said nothing.',
    good: 'The client has not sent a byte. RFC 854 says so.',
  },
  {
    id: 'nobody',
    pattern: /\b(?:[Nn]o|[Ss]ome|[Aa]ny|[Ee]very)body(?:'s)?\b|\b[Nn]o one\b(?! (?:of|\w+ (?:is|has)))/g,
    reason: 'a person stands for a thing',
    write: 'the thing: "no process", "a client", "another session", "all users"; or the passive without it',
    bad: 'Nobody reads the queue.',
    good: 'The queue is not read.',
  },
  {
    id: 'want-of',
    pattern: /\b(?:for|in) want of\b|\bwants? (?:none|nothing|nobody)\b|\bwanting\b/g,
    reason: 'archaic',
    write: '"for lack of", "because X is missing"; "refuses", "needs nothing"',
    bad: 'It fails for want of memory.',
    good: 'It fails if memory is exhausted.',
  },
  {
    id: 'rest',
    pattern: /\b(?:com(?:es?|ing)|came) to rest\b|\bat rest\b(?! encryption)|\bcr(?:y|ies|ied) for help\b/g,
    reason: 'private metaphor',
    write: '"settles", "ends", "idle"; "crash report"',
    bad: 'The negotiation comes to rest.',
    good: 'The negotiation ends. Data at rest encryption is not used.',
  },
  {
    id: 'word',
    pattern:
      /\b(?:last|first|late|our|every|each of our|without a|without another) words?\b(?! (?:of|in|on) (?:a|the|its) )|\bin words\b|\bput into words\b|\bwords? (?:from|to) (?:the|a) (?:client|server|peer)\b/g,
    reason: '"word" stands for a message',
    write: '"message", "request", "command", "packet"; "as text"',
    bad: 'after the last word about that option',
    good: 'after the last message about that option; the last word of the line',
  },
  {
    id: 'owe',
    pattern: /\bow(?:e|es|ed)\b|\bowing\b(?! to)/g,
    reason: 'private metaphor',
    write: '"outstanding", "pending", "not yet sent"',
    bad: 'An answer is owed.',
    good: 'An answer is outstanding.',
  },
  {
    id: 'behind',
    pattern:
      /(?<!\b(?:leav|left|lag|fall|fell|fallen|far|lies|stay)\w*(?: [\w'-]+){0,6} |theory |reasons? |ideas? |[Oo]nly )\bbehind\b(?! (?:(?:a|an|the|one|its|your|this|such|another|several|that|some) )?(?:[\w-]+ ){0,2}?(?:prox(?:y|ies)|NATs?|firewalls?|routers?|gateways?|balancers?|address(?:es)?|interface|façade|back|X_*X)\b|[\w']+ back\b)/g,
    reason: '"behind" stands for "after" in time or in a stream',
    write: '"after", "following"; "behind" only in space: behind a proxy',
    bad: 'The data behind the mark is kept.',
    good: 'The data after the mark is kept. A server behind a proxy leaves nothing behind.',
  },
  {
    id: 'stand',
    pattern: /\b(?:[Ss]tands?|[Ss]tood)\b(?! for\b|[ -]alone|\S* still\b| by\b| out\b| up\b| in for\b)/g,
    reason: 'bytes, names and rules do not stand',
    write: '"is", "appears", "is listed", "is written"',
    bad: 'The name stands in the table.',
    good: 'The name is in the table. U stands for user.',
  },
  {
    id: 'metaphor',
    pattern:
      /\b(?:the|this|our|whole) house\b|\bstor(?:ey|eys)\b|\b(?:every|each|which|a|the|two|its own) rooms?\b(?! (?:for|is|there|left|that))|\bfloors?\b|\b(?:the|back|front) doors?\b|\bat home\b|\bstrangers?\b|\binnocent\b|\bcr(?:y|ies)\b(?! for help)|\bseats?\b|\bburied|\bgraves?\b|\bknock(?:s|ed|ing)?\b|\bfarewell\b|\bvigil\b|\bcrew\b|\bdoes not bear\b|\bout of (?:its|their) hands?\b|\bmean harm\b|\bmeans? no good\b/g,
    reason: 'private metaphor',
    write: 'the technical term: "layer", "folder", "session", "unknown client", "hostile"',
    bad: 'This follows a byte through the house.',
    good: 'This traces a byte through the layers. There is no room for it.',
  },
  {
    id: 'way',
    pattern:
      /\b(?:[Oo]n|in) (?:its|their|the) way\b(?! (?:to do|of doing))|\bway there\b|\bby way of\b|\bways? (?:an?|the|each) (?:input|byte|packet)s? (?:goes|went|takes?)\b|\bleads? here\b|\b(?:long|short|back) way\b|\bfind(?:s)? (?:its|their) way\b/g,
    reason: '"way" stands for a path, a method or a transfer',
    write: '"in transit", "queued", "by X", "code path", "round trip"',
    bad: 'Bytes that are on their way are lost.',
    good: 'Bytes in transit are lost. Either way it ends the same way.',
  },
  {
    id: 'is-over',
    pattern: /\b(?:is|are|was|were) over\b(?! (?:a|an|the|\d|TCP|TLS|X_*X|UDP|loopback|all)\b)/g,
    reason: '"over" stands for "ended"',
    write: '"has ended", "has expired", "is complete"',
    bad: 'The time to drain is over.',
    good: 'The drain timeout has expired. The transport is over TCP.',
  },
  {
    id: 'but-for',
    pattern: /(?<!\bnot\b.{0,60}|\bonly\b.{0,60})\bbut for\b/g,
    reason: '"but" stands for "except"',
    write: '"except"',
    bad: 'All is freed but for the table.',
    good: 'All is freed except the table. It is not for servers but for clients.',
  },
  {
    id: 'take-for',
    pattern:
      /\b(?:taken|takes|took|taking) for\b(?! (?:itself|each|every|longer))|(?<!\bit )\btakes? (?:it|them|that|this|[\w-]+ [\w-]+|[\w-]+) for (?:an?|the|one|its)\b(?! (?:first|second|next|whole|time|program|server|client) )/g,
    reason: 'not an English construction for "regard as"',
    write: '"treats as", "mistakes for", "interprets as"',
    bad: 'A silent client is taken for plain Telnet.',
    good: 'A silent client is treated as plain Telnet.',
  },
  {
    id: 'per',
    pattern: new RegExp(
      `\\b(?<!\\b(?:half|about half) )(?<![\\w.]-)(?:${COUNTED} an? ${NOUN_PER}|(?:starts|calls|requests|answers|records|frames) an? (?:second|minute|hour))\\b(?! (?:that|which|who|of)\\b)`,
      'g',
    ),
    reason: '"a" stands for "per"',
    write: '"per second", "per line"',
    bad: '20 connections a second, one a line',
    good: '20 connections per second, one per line, once a day, half a second',
  },
  {
    id: 'for-ever',
    pattern: /\bfor ever\b|\bever after\b|\bfor good\b/g,
    reason: 'not used in technical English',
    write: '"forever", "indefinitely", "permanently", "from then on"',
    bad: 'The server waits for ever.',
    good: 'The server waits forever.',
  },
  {
    id: 'come-of',
    pattern:
      /\b(?:come|comes|came|coming) of\b|\bcom(?:e|es|ing) to (?:its|their|an) end\b|\bcame to (?:its|their|an) end\b/g,
    reason: 'archaic',
    write: '"result from", "the result"; "ends"',
    bad: 'A test checks what came of them.',
    good: 'A test checks the results.',
  },
  {
    id: 'give-back',
    pattern: /\b(?:give|gives|gave|given|giving) (?:[\w-]+ ){0,3}?back\b/g,
    reason: 'not used of memory, terminals and descriptors',
    write: '"return", "release", "restore", "free"',
    bad: 'V8 gives memory back late.',
    good: 'V8 returns memory late.',
  },
  {
    id: 'know-of',
    pattern: /\b(?:is|are|was|were|be) known of\b|\bk(?:now|nows|nown|new) of\b/g,
    reason: 'not idiomatic',
    write: '"know about", "is registered", "has received"',
    bad: 'What is known of a session',
    good: 'Facts about a session',
  },
  {
    id: 'let-go',
    pattern: /\blet(?:s|ting)? go\b|\blet(?:s|ting)? (?:it|them|bytes|output|input) (?:pass|through)\b/g,
    reason: 'private metaphor',
    write: '"release", "flush", "pass on"',
    bad: 'A frame that is too old is let go.',
    good: 'A frame that is too old is flushed.',
  },
  {
    id: 'as-it-was',
    pattern: /\bas (?:it|they) (?:was|were)\b(?=[.,;:)]|$)/g,
    reason: 'not idiomatic',
    write: '"unchanged", "restored", "as before"',
    bad: 'After an error all is as it was.',
    good: 'On error nothing changes. It arrives as it was sent.',
  },
  {
    id: 'is-there',
    pattern:
      /\b(?:that|which|it|they|all|he|one|[a-z]+) (?:is|are|was|were) (?:not |still |already )?there(?= (?:already|again|yet|from|at|when|before|now|too|and|until)\b|[.,;:)]|$)/g,
    reason: '"is there" stands for "exists"',
    write: '"exists", "is present", "has arrived", "is available"',
    bad: 'It uses a connection that is there already.',
    good: 'It uses an existing connection. How many there are.',
  },
  {
    id: 'as-x-has-it',
    pattern: /\bas (?:(?!it\b|they\b)[\w.'-]+ ){1,5}(?:has|have|had) (?:it|them)\b/g,
    reason: 'not idiomatic',
    write: '"as RFC 1143 requires", "as in X", "the same as X"',
    bad: 'It is ON at the start, as the RFC has it.',
    good: 'It is ON at the start, as the RFC requires.',
  },
  {
    id: 'meant',
    pattern:
      /\b(?:can|cannot|could|may|might|must)(?: not)? (?:\w+ )?be meant\b|\bthat means it\b|\bmeans it(?=[.,;:]|$)/g,
    reason: 'not an English construction',
    write: '"is invalid", "is unlikely to be intended"',
    bad: 'a value that cannot be meant',
    good: 'an invalid value',
  },
  {
    id: 'another',
    pattern: /\b(?:is|are|was|were|be) another(?: one)?(?= (?:each|there|here|than|now|then|in|every)\b|[.,;:)]|$)/g,
    reason: '"another" stands for "different"',
    write: '"different", "differs"',
    bad: 'output that is another each time',
    good: 'output that differs each time; this is another session',
  },
  {
    id: 'archaic',
    pattern:
      /\b(?:anew|hither|thither|thereof|wherein|whence|thence|thereupon|whereupon|hitherto|henceforth|forthwith|lest|nought|naught|till|whilst|amongst|upon|dear(?:er|est)|hasten\w*|befall\w*|oft|nay|aught|shall|afore|ere|wherefore|albeit|ought)\b|\bof old\b|\bnow and then\b|\bby and by\b|\b[Oo]nly so\b|\bno news\b|\bis (?:of )?no use\b/g,
    reason: 'archaic or literary',
    write: 'the plain word: "again", "until", "while", "expensive", "must", "sometimes"',
    bad: 'The loop begins anew.',
    good: 'The loop begins again.',
  },
  {
    id: 'likewise',
    pattern: /^(?:Likewise|The same|Ditto|The other one|The same again)\.?$/g,
    reason: 'a comment that depends on the one before',
    write: 'say what it is',
    bad: 'Likewise.',
    good: 'The size of the output queue, in bytes.',
  },
  {
    id: 'thinks',
    pattern:
      /\b(?:program|server|shell|it|client|kernel|that|they|game)s? (?:thinks?|believes?|wishe?s?|likes|dislikes?)\b/g,
    reason: 'programs do not think',
    write: '"computes", "is busy", "assumes", "requests"',
    bad: 'for a program that thinks',
    good: 'for a program that computes',
  },
  // Only reported: correct now and then, and too many to be forbidden.
  {
    id: 'come',
    pattern: /\b(?:has|have|had|not|to|did|does) (?:not )?come\b(?! (?:from|back|first|with))/g,
    reason: '"come" stands for "arrive"',
    write: '"arrive", "be received"',
    bad: 'The answer has not come.',
    good: 'The answer has not arrived.',
    report: true,
  },
  {
    id: 'wants',
    pattern: /\b(?:peer|client|server|program|session|kernel|application|JavaScript|process|terminal|it)s? wants?\b/g,
    reason: 'programs do not want',
    write: '"requests", "needs", "reads", "requires"',
    bad: 'the program wants lines',
    good: 'the program reads lines',
    report: true,
  },
  {
    id: 'beside',
    pattern: /\bbeside\b/g,
    reason: '"beside" stands for "besides", "next to" or "during"',
    write: '"besides", "in addition to", "next to", "during"',
    bad: 'a key beside a flood',
    good: 'a key during a flood',
    report: true,
  },
  {
    id: 'of-its-own',
    pattern: /\b[\w-]+ of (?:its|their|his) own\b/g,
    reason: 'longer than it must be',
    write: '"its own X"',
    bad: 'a process of its own',
    good: 'its own process',
    report: true,
  },
  {
    id: 'what-definition',
    pattern: /^(?:What|How much|How many|Where|That)\b[^?]*$/g,
    reason: 'a definition begins with a relative clause',
    write: 'a noun: "Bytes that …", "Number of …"',
    bad: 'What the client sent.',
    good: 'Bytes received from the client.',
    report: true,
  },
];

/** A sentence of Markdown has at most this many words; a longer one than REPORTED_WORDS is listed with --report. */
export const MAX_WORDS = 35;
export const REPORTED_WORDS = 25;

/** Columns of a comment: the lineWidth of biome.json, which biome applies only to code. */
export const MAX_COLUMNS = 120;

/**
 * Findings that are right. `file` is the start of a path, `text` a part of the unit; both must match.
 *
 * @type {{ rule: string, file: string, text?: string, reason: string }[]}
 */
export const EXCEPTIONS = [
  { rule: 'metaphor', file: 'bench/', text: 'floor', reason: 'the name of the reference server, bench/native/floor.c' },
];

/** Files whose texts are not prose of the project. */
export const EXCLUDED = [
  { file: 'scripts/texts/rules.mjs', reason: 'holds the phrases' },
  { file: 'test/scripts/texts.test.ts', reason: 'holds the phrases' },
  { file: 'test/vectors/', reason: 'bytes of the protocol' },
  { file: 'test/client/lab/', reason: 'text of other systems' },
];
