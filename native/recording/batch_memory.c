/* The memory of batches, which sessions share with the thread that writes their recordings. */
#include "telpty.h"

#include <string.h>

/*
 * copyBytes(bytes, out, at): copies them to index `at` of `out`, and throws a RangeError if there is no room. In
 * JavaScript, a copy to shared memory is made word by word, as if another thread read it meanwhile.
 */
static napi_value js_copy_bytes(napi_env env, napi_callback_info info) {
  struct target target;
  if (!get_target(env, info, &target)) return NULL;
  if (target.length > target.room)
    napi_throw_range_error(env, NULL, "telpty addon: no room for the bytes");
  else if (target.length > 0)
    memcpy(target.out, target.bytes, target.length);
  return NULL;
}

void batch_memory_exports(napi_env env, napi_value exports) { export_function(env, exports, "copyBytes", js_copy_bytes); }
