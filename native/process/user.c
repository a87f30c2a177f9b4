/*
 * Functions of the C library that Node does not have: users by name or id, names in a range of ids, and locales.
 */
#include "telpty.h"

#include <errno.h>
#include <grp.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* The type that getgrouplist() uses. */
#ifdef __APPLE__
typedef int group_t;
#else
typedef gid_t group_t;
#endif

static void set_string(napi_env env, napi_value object, const char *name, const char *value) {
  napi_value string;
  if (napi_create_string_utf8(env, value == NULL ? "" : value, NAPI_AUTO_LENGTH, &string) == napi_ok)
    napi_set_named_property(env, object, name, string);
}

/* All groups of a user. Returns an allocated array, or NULL without memory. */
static group_t *groups_of(const struct passwd *user, int *count) {
  for (int room = 64;; room *= 4) {
    group_t *groups = calloc((size_t)room, sizeof *groups);
    if (groups == NULL) return NULL;
    *count = room;
    if (getgrouplist(user->pw_name, (group_t)user->pw_gid, groups, count) >= 0) return groups;
    free(groups);
    if (room > 1 << 20) return NULL;
  }
}

static napi_value user_to_js(napi_env env, const struct passwd *user) {
  int count = 0;
  group_t *groups = groups_of(user, &count);
  if (groups == NULL) return js_int(env, -ENOMEM);
  napi_value object, array;
  if (napi_create_object(env, &object) != napi_ok || napi_create_array(env, &array) != napi_ok) {
    free(groups);
    return NULL;
  }
  for (int i = 0; i < count; i++) napi_set_element(env, array, (uint32_t)i, js_int(env, (int64_t)(gid_t)groups[i]));
  free(groups);
  set_string(env, object, "name", user->pw_name);
  napi_set_named_property(env, object, "uid", js_int(env, user->pw_uid));
  napi_set_named_property(env, object, "gid", js_int(env, user->pw_gid));
  set_string(env, object, "home", user->pw_dir);
  set_string(env, object, "shell", user->pw_shell);
  napi_set_named_property(env, object, "groups", array);
  return object;
}

/*
 * lookupUser(name or uid): a `User` of src/native/addon.ts; 0 for an unknown user; a negative errno if the database
 * fails
 */
static napi_value js_lookup_user(napi_env env, napi_callback_info info) {
  napi_value arg;
  napi_valuetype type;
  char name[256];
  size_t length = 0;
  int64_t uid = 0;
  if (!get_args(env, info, 1, &arg) || napi_typeof(env, arg, &type) != napi_ok) return NULL;
  if (type == napi_number) {
    if (napi_get_value_int64(env, arg, &uid) != napi_ok) return NULL;
  } else if (napi_get_value_string_utf8(env, arg, name, sizeof name, &length) != napi_ok) {
    return NULL;
  }
  if (length >= sizeof name - 1) return js_int(env, 0); /* cut off: no login name is that long */

  for (size_t room = 4096; room <= 1 << 24; room *= 4) {
    struct passwd entry, *found = NULL;
    char *strings = malloc(room);
    if (strings == NULL) return js_int(env, -ENOMEM);
    int error = type == napi_number ? getpwuid_r((uid_t)uid, &entry, strings, room, &found)
                                    : getpwnam_r(name, &entry, strings, room, &found);
    napi_value result = NULL;
    if (found != NULL)
      result = user_to_js(env, found);
    else if (error != ERANGE)
      /* these also mean that the user does not exist (see getpwnam(3)) */
      result = js_int(env, error == ENOENT || error == ESRCH || error == EBADF || error == EPERM ? 0 : -error);
    free(strings);
    if (result != NULL) return result;
  }
  return js_int(env, -ERANGE);
}

/*
 * namedId(from, to): the first user or group of the database whose id is in the range: { kind, name, id }; undefined if
 * there is none. Some databases (directories) do not list their entries. They are not queried for each id: one query
 * may take a second.
 */
static napi_value js_named_id(napi_env env, napi_callback_info info) {
  napi_value args[2], object;
  int64_t from, to;
  if (!get_args(env, info, 2, args) || napi_get_value_int64(env, args[0], &from) != napi_ok ||
      napi_get_value_int64(env, args[1], &to) != napi_ok || napi_create_object(env, &object) != napi_ok)
    return NULL;
  bool found = false;
  setpwent();
  for (struct passwd *user; !found && (user = getpwent()) != NULL;) {
    if ((int64_t)user->pw_uid < from || (int64_t)user->pw_uid > to) continue;
    found = true;
    set_string(env, object, "kind", "user");
    set_string(env, object, "name", user->pw_name);
    napi_set_named_property(env, object, "id", js_int(env, user->pw_uid));
  }
  endpwent();
  setgrent();
  for (struct group *group; !found && (group = getgrent()) != NULL;) {
    if ((int64_t)group->gr_gid < from || (int64_t)group->gr_gid > to) continue;
    found = true;
    set_string(env, object, "kind", "group");
    set_string(env, object, "name", group->gr_name);
    napi_set_named_property(env, object, "id", js_int(env, group->gr_gid));
  }
  endgrent();
  return found ? object : NULL;
}

/*
 * The character set of a locale as the C library names it, or undefined if setlocale() would refuse the locale for any
 * category. The locale of the process is not changed. The library keeps a few hundred bytes for each name, also for
 * unknown names, so the caller must bound their number.
 */
static napi_value js_locale_codeset(napi_env env, napi_callback_info info) {
  napi_value arg, result;
  char name[256];
  size_t length;
  if (!get_args(env, info, 1, &arg) || napi_get_value_string_utf8(env, arg, name, sizeof name, &length) != napi_ok)
    return NULL;
  locale_t locale = length < sizeof name - 1 ? newlocale(LC_ALL_MASK, name, (locale_t)0) : (locale_t)0;
  if (locale == (locale_t)0) return napi_get_undefined(env, &result) == napi_ok ? result : NULL;
  napi_status status = napi_create_string_latin1(env, nl_langinfo_l(CODESET, locale), NAPI_AUTO_LENGTH, &result);
  freelocale(locale);
  return status == napi_ok ? result : NULL;
}

void user_exports(napi_env env, napi_value exports) {
  export_function(env, exports, "lookupUser", js_lookup_user);
  export_function(env, exports, "namedId", js_named_id);
  export_function(env, exports, "localeCodeset", js_locale_codeset);
}
