# Toolchain that builds lk-agent for arm64 guests on a machine with a different architecture. Debian's cross compiler
# finds the libraries of dpkg's architecture arm64 on its own, in /usr/lib/aarch64-linux-gnu. protoc and its plugin are
# native.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
