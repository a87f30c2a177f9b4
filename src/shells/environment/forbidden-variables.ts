/**
 * Names of environment variables that are never accepted from a client, even if the operator lists them.
 *
 * In 1999 (CVE-1999-0073) and again in 2026 (CVE-2026-28372) a telnet daemon passed a variable from the network to a
 * program. There a loader, shell or runtime obeyed it. A list of bad names is never complete, so it is not the
 * protection. A client's variable is only accepted if it is on the short list of `environment.ts` or the operator named
 * it. This list prevents the operator from naming one that gives control of the program to the client. It has the
 * variables that sudo removes (env.c), and those that glibc removes for setuid programs (unsecvars.h). It also has
 * similar variables of shells, runtimes, editors and toolkits.
 */

/** Prefixes of names. A family is forbidden as a whole: its next member is as dangerous. */
const FORBIDDEN_PREFIXES = [
  // Loaders, allocators, the C library, sanitizers and profilers (which write to any file that the variable names).
  'LD_ DYLD_ _RLD RLD_ LDR_ SHLIB_ LIBPATH GCONV_ GLIBC_ MALLOC RESOLV_ RES_ NIS_ NSS_ GCOV_ LLVM_ ASAN_ LSAN_ MSAN_',
  'TSAN_ UBSAN_ OBJC_ TERMINFO TERMCAP NCURSES_TRACE',
  // Shells.
  'BASH ZSH KSH FISH_ HIST PROMPT MAIL GLOB SUDO_ DOAS_ PAM_',
  // Runtimes and build tools.
  'NODE_ NPM_ DENO_ BUN_ YARN_ UV_ ELECTRON_ PYTHON PERL RUBY GEM_ BUNDLE_ JAVA_ _JAVA_ JDK_ JRE_ JVM_ CLASSPATH MAVEN_',
  'GRADLE_ PHP LUA_ TCL TK_ GUILE_ ERL_ ELIXIR_ JULIA_ R_ OCAML CAML DOTNET_ COMPLUS_ CORECLR_ COR_ MONO_ CARGO_ RUST_',
  'GODEBUG GOTRACEBACK GOROOT GOPATH GOENV GOFLAGS AWK GAWK MAKEF VIRTUAL_ENV CONDA_',
  // Editors, pagers, terminal programs and what they start.
  'LESS MORE_ MAN VIM NVIM_ GVIM MYVIM EMACS SCREEN SYSSCREEN TMUX MC_ GIT_ HG SVN_ CVS GREP_ NETHACKDIR HACK',
  // Keys, credentials, and where network programs find their configuration.
  'SSH_ SSL SSLKEY OPENSSL_ GNUTLS_ PKCS11_ P11_ GPG_ GNUPG KRB5 KRB_ SASL_ LDAP CREDENTIALS_ CURL_ WGET SYSTEM_WGET',
  'PG MYSQL_ ODBC ORACLE_ TNS_ AWS_ AZURE_ GOOGLE_ GCLOUD_ KUBE DOCKER_ VAULT_',
  // Desktops and service managers.
  'XAUTH XDG_ XAPPL XENV XFILE XUSERFILE XLOCALE XKB XCURSOR XMOD ICEAUTH DBUS_ WAYLAND_ GTK GDK_ GIO_ GST_ QT QML KDE',
  'ALSA_ PULSE_ LIBGL_ MESA_ VK_ SYSTEMD_ LISTEN_ NOTIFY_ WATCHDOG_ INVOCATION_ JOURNAL_ FAKEROOT PROOT_',
  // The variables of telpty.
  'TELPTY_',
].flatMap(line => line.split(' '));

/**
 * Suffixes of names: search paths like PATH, programs that are started to edit or show a text, and proxies. Every HTTP
 * client sends its traffic to the address in `http_proxy`.
 */
const FORBIDDEN_SUFFIXES = ['PATH', 'PRELOAD', 'EDITOR', 'PAGER', 'BROWSER', '_ASKPASS', '_PROXY'];

/** Whole names. */
const FORBIDDEN_NAMES = new Set(
  [
    // Variables that follow from the user that the program runs as, and those that the kernel or the shell maintains.
    'HOME SHELL LOGNAME PWD OLDPWD SHLVL UID EUID PPID GROUPS TMPDIR TMP TEMP TMPPREFIX',
    // The authenticated user: the peer of a UNIX socket.
    'REMOTE_USER',
    // The C library and those of other systems.
    'PATH_LOCALE HOSTALIASES LOCALDOMAIN TZDIR GETCONF_DIR POSIXLY_CORRECT AUTHSTATE VAR_ACE USR_ACE',
    'DLC_ACE',
    // Shells.
    'ENV IFS PS0 PS1 PS2 PS3 PS4 SHELLOPTS FIGNORE EXECIGNORE FUNCNEST NULLCMD READNULLCMD ZDOTDIR INPUTRC',
    'FCEDIT TMOUT OPTIND OPTARG',
    // Commands that programs start, and files that they source or write to.
    'VISUAL EXINIT NETRC DIALOGRC NANORC ASPELL_CONF TROFF GROFF_COMMAND_PREFIX SESSION_MANAGER CC CXX CPP LD AR MAKE',
  ].flatMap(line => line.split(' ')),
);

/** The form of a variable's name (POSIX, and short). */
export const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * Whether a variable of this name is never accepted from a client, even if the operator lists it. Case is ignored:
 * `http_proxy` and `HTTP_PROXY` have the same effect.
 */
export function isForbiddenName(name: string): boolean {
  const upper = name.toUpperCase();
  return (
    FORBIDDEN_NAMES.has(upper) ||
    FORBIDDEN_PREFIXES.some(prefix => upper.startsWith(prefix)) ||
    FORBIDDEN_SUFFIXES.some(suffix => upper.endsWith(suffix))
  );
}
