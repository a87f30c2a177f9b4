/*
 * Explains why a file could not be executed, if the error number is ambiguous. For example, execve() returns ENOENT for
 * a script whose interpreter is missing, EACCES for a directory, and ELOOP for a script that interprets itself.
 *
 * This runs in the child of a vfork (see child.c). It runs as the user of the program, so that it reveals only what
 * this user may see. The time limit of the start applies to it. Only system calls are made.
 */
#include "telpty.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <elf.h>
#include <sys/syscall.h>
#endif

/* The part of a script that the kernel reads (BINPRM_BUF_SIZE). */
#define HEAD_SIZE 256

struct text {
  char *at;
  size_t room;
};

static void append(struct text *text, const char *bytes, size_t length) {
  if (length > text->room) length = text->room;
  memcpy(text->at, bytes, length);
  text->at += length;
  text->room -= length;
  *text->at = '\0';
}

static void set_detail(const struct plan *plan, const char *kind, const char *file, const char *name, size_t length) {
  struct text text = {.at = plan->detail, .room = DETAIL_SIZE - 1};
  append(&text, kind, strlen(kind));
  append(&text, "\n", 1);
  /* The path is cut rather than the name that follows, which matters more. */
  append(&text, file, strnlen(file, DETAIL_SIZE / 2));
  append(&text, "\n", 1);
  append(&text, name, length);
}

/* The interpreter of a script, as binfmt_script.c finds it. Returns its length, 0: none. */
static size_t script_interpreter(const char *head, size_t length, const char **name) {
  if (length < 2 || head[0] != '#' || head[1] != '!') return 0;
  size_t begin = 2, end;
  while (begin < length && (head[begin] == ' ' || head[begin] == '\t')) begin++;
  for (end = begin; end < length; end++)
    if (head[end] == ' ' || head[end] == '\t' || head[end] == '\n' || head[end] == '\0') break;
  *name = head + begin;
  return end - begin;
}

#ifdef __linux__
/* The dynamic loader of an ELF program for this machine. `name` has HEAD_SIZE bytes. Returns its length, 0: none. */
static size_t elf_loader(int fd, const char *head, size_t length, char *name) {
#if __SIZEOF_POINTER__ == 8
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  const char class = ELFCLASS64;
#else
  Elf32_Ehdr header;
  Elf32_Phdr segment;
  const char class = ELFCLASS32;
#endif
  if (length < sizeof header || memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_CLASS] != class) return 0;
  memcpy(&header, head, sizeof header);
  if (header.e_phentsize != sizeof segment) return 0;
  for (unsigned i = 0; i < header.e_phnum && i < 64; i++) {
    const off_t offset = (off_t)(header.e_phoff + i * sizeof segment);
    if (pread(fd, &segment, sizeof segment, offset) != (ssize_t)sizeof segment) return 0;
    if (segment.p_type != PT_INTERP) continue;
    size_t wanted = segment.p_filesz < HEAD_SIZE ? segment.p_filesz : HEAD_SIZE - 1;
    ssize_t got = pread(fd, name, wanted, (off_t)segment.p_offset);
    return got <= 0 ? 0 : strnlen(name, (size_t)got);
  }
  return 0;
}
#else
static size_t elf_loader(int fd, const char *head, size_t length, char *name) {
  return (void)fd, (void)head, (void)length, (void)name, 0;
}
#endif

/* The type of a file: the bits of S_IFMT. */
static int kind_of(const char *path, mode_t *kind) {
  struct stat file;
  if (file_status(AT_FDCWD, path, &file, 0) < 0) return -1;
  *kind = file.st_mode & S_IFMT;
  return 0;
}

/*
 * fstatat(). glibc exports it and its variants only from 2.33 on. Earlier versions link them statically, so a prebuilt
 * addon that needs them would not load there. On these two architectures struct stat is the structure of the system
 * call.
 */
int file_status(int directory, const char *path, struct stat *file, int flags) {
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
  return (int)syscall(SYS_newfstatat, directory, path, file, flags);
#else
  return fstatat(directory, path, file, flags);
#endif
}

int descriptor_status(int fd, struct stat *file) {
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
  return (int)syscall(SYS_fstat, fd, file);
#else
  return fstat(fd, file);
#endif
}

/*
 * Whether a file with ENOEXEC is a program for another processor or system, and not a script without a #! line. The
 * shell gets such a script from execvp(). A program has a NUL in its first line. bash uses the same test.
 */
bool is_foreign_program(const char *path) {
  char head[HEAD_SIZE];
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
  if (fd >= 0) close(fd);
  for (ssize_t at = 0; at < got && head[at] != '\n'; at++)
    if (head[at] == '\0') return true;
  return false;
}

/* Describes in plan->detail why `path` could not be executed: a kind, the path and a name, one per line. */
void explain(const struct plan *plan, const char *path) {
  if (plan->detail == NULL) return;
  const int error = errno;
  mode_t kind;
  char head[HEAD_SIZE], loader[HEAD_SIZE];
  /* Must not block on a FIFO, nor make a terminal our controlling terminal. */
  int fd = kind_of(path, &kind) < 0 || kind != S_IFREG ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) {
    const ssize_t got = pread(fd, head, sizeof head, 0);
    const size_t length = got > 0 ? (size_t)got : 0;
    const char *name = loader;
    size_t size = script_interpreter(head, length, &name);
    if (size > 0 && access(path, X_OK) == 0)
      set_detail(plan, "script", path, name, size);
    else if (size == 0 && (size = elf_loader(fd, head, length, loader)) > 0 && error != EACCES)
      set_detail(plan, "loader", path, loader, size);
    else if (size == 0 && error == ENOENT)
      set_detail(plan, "file", path, "", 0);
    close(fd);
  } else if (kind_of(path, &kind) == 0) {
    if (kind != S_IFREG) set_detail(plan, kind == S_IFDIR ? "directory" : "special", path, "", 0);
  }
  errno = error;
}
