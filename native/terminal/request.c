/*
 * Converts a SpawnRequest (src/native/addon.ts) to a struct plan, which has all that the child needs, in its final
 * form.
 */
#include "telpty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static bool member(napi_env env, napi_value object, const char *name, size_t element, void **data, size_t *length) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok && get_bytes(env, value, element, data, length);
}

/*
 * An array of the strings in `block`, each of which ends with a NUL. NULL is at its end, and `spare` free entries at
 * its front. The caller frees the array; the strings stay in `block`. NULL without memory.
 */
static char **split(const char *block, size_t length, size_t spare) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += block[i] == '\0';
  char **array = calloc(spare + count + 1, sizeof *array);
  if (array == NULL) return NULL;
  char **next = array + spare;
  for (const char *p = block, *end = block + length; p < end; p += strlen(p) + 1) *next++ = (char *)p;
  return array;
}

/* A block must end with a NUL; otherwise its last string would run beyond it. */
static bool block(napi_env env, napi_value object, const char *name, size_t spare, char ***array) {
  void *data;
  size_t length;
  if (!member(env, object, name, 1, &data, &length)) return false;
  const char *bytes = data;
  if (length > 0 && bytes[length - 1] != '\0') {
    napi_throw_error(env, NULL, "telpty addon: a block of strings does not end with a NUL");
    return false;
  }
  *array = split(bytes, length, spare);
  if (*array == NULL) napi_throw_error(env, NULL, "telpty addon: out of memory");
  return *array != NULL;
}

static uint64_t limit_value(double value) {
  if (value < 0x1p63) return (uint64_t)value;
#ifdef __linux__
  return UINT64_MAX; /* prlimit64 has its own infinity; RLIM_INFINITY of a 32-bit libc may be less */
#else
  return (uint64_t)RLIM_INFINITY;
#endif
}

/*
 * Fills `plan` from `request`. Strings and arrays of `plan` point into the memory of `request` where possible, so a
 * reference to `request` must be kept if JavaScript runs meanwhile. On failure a JavaScript exception is pending and
 * false is returned. The caller calls plan_free() in either case.
 */
bool plan_from_js(napi_env env, napi_value request, struct plan *plan) {
  memset(plan, 0, sizeof *plan);
  void *data;
  size_t length;

  if (!block(env, request, "candidates", 0, &plan->candidates) || !block(env, request, "argv", 0, &plan->argv) ||
      !block(env, request, "envp", 0, &plan->envp) || !block(env, request, "argv", 1, &plan->script))
    return false;
  if (plan->argv[0] == NULL || plan->candidates[0] == NULL) {
    napi_throw_error(env, NULL, "telpty addon: no program");
    return false;
  }
  /* the child replaces argv[0] by the path of the script */
  plan->script[0] = "/bin/sh";

  if (!member(env, request, "cwd", 1, &data, &length)) return false;
  if (length > 0) plan->cwd = data;
  if (!member(env, request, "cgroup", 1, &data, &length)) return false;
  if (length > 0) plan->cgroup = data;

  if (!member(env, request, "attributes", 4, &data, &length) || length < 4) return false;
  const int32_t *attributes = data;
  plan->umask = attributes[0];
  plan->renice = attributes[1] != 0;
  plan->nice = attributes[2];
  plan->no_new_privs = attributes[3] != 0;

  if (!member(env, request, "terminal", 4, &data, &length) || length < 7) return false;
  const uint32_t *terminal = data;
  plan->cols = (unsigned short)terminal[0];
  plan->rows = (unsigned short)terminal[1];
  plan->words = terminal + 2;
  if (!member(env, request, "cc", 2, &data, &length) || length < NCCS) return false;
  plan->cc = data;

  if (!member(env, request, "identity", 4, &data, &length)) return false;
  const uint32_t *ids = data;
  if (length >= 2) {
    plan->identity = true;
    plan->uid = ids[0];
    plan->gid = ids[1];
    plan->ngroups = length - 2;
    plan->groups = calloc(plan->ngroups + 1, sizeof *plan->groups);
    if (plan->groups == NULL) return false;
    for (size_t i = 0; i < plan->ngroups; i++) plan->groups[i] = ids[i + 2];
  }

  if (!member(env, request, "detail", 1, &data, &length)) return false;
  if (length >= DETAIL_SIZE) plan->detail = data;

  if (!member(env, request, "limits", 8, &data, &length)) return false;
  const double *limits = data;
  plan->nlimits = length / 3;
  plan->limits = calloc(plan->nlimits + 1, sizeof *plan->limits);
  if (plan->limits == NULL) return false;
  for (size_t i = 0; i < plan->nlimits; i++, limits += 3)
    plan->limits[i] = (struct limit){(int)limits[0], limit_value(limits[1]), limit_value(limits[2])};
  return true;
}

/* Sets the detail of an error. Calls no function of the C library: the child of a vfork calls it, too. */
void plan_set_detail(const struct plan *plan, const char *text) {
  if (plan->detail == NULL) return;
  size_t i = 0;
  for (; i < DETAIL_SIZE - 1 && text[i] != '\0'; i++) plan->detail[i] = text[i];
  plan->detail[i] = '\0';
}

void plan_free(struct plan *plan) {
  free(plan->candidates);
  free(plan->argv);
  free(plan->script);
  free(plan->envp);
  free(plan->groups);
  free(plan->limits);
}
