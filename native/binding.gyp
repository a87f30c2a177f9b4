{
  "targets": [
    {
      "target_name": "telpty",
      "sources": [
        "addon.c",
        "bulk.c",
        "child.c",
        "conn.c",
        "delay.c",
        "explain.c",
        "lanes.c",
        "listener.c",
        "now.c",
        "owner.c",
        "packet.c",
        "peek.c",
        "process.c",
        "pty.c",
        "read.c",
        "request.c",
        "service.c",
        "shortcut.c",
        "socket.c",
        "spawn.c",
        "starter.c",
        "termios.c",
        "urgent.c",
        "user.c",
        "user_kill.c",
        "write.c"
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags_c": ["-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "xcode_settings": {
        "GCC_C_LANGUAGE_STANDARD": "gnu11",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "WARNING_CFLAGS": ["-Wall", "-Wextra"],
        "MACOSX_DEPLOYMENT_TARGET": "11.0"
      }
    }
  ]
}
