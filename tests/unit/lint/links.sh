#!/usr/bin/env bash
set -uo pipefail
links=$(cd "$(dirname "$0")/../../lint" && pwd)/links
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
mkdir "$T/docs"
printf '# A `title`, with more\n```\n# no heading\n```\n' >"$T/docs/page.md"
cat >"$T/README.md" <<'MD'
[sound](docs/page.md), [sound](docs/page.md#a-title-with-more), [elsewhere](https://example.org/missing.md), [a directory](docs)
[a file](docs/missing.md)
[a heading](docs/page.md#no-heading)
[here](#nowhere)
MD
expected='README.md:2: no such file: docs/missing.md
README.md:3: no such heading: docs/page.md#no-heading
README.md:4: no such heading: #nowhere'
said=$("$links" "$T")
status=$?
diff <(echo "$expected") <(echo "$said") && [ $status = 1 ]
