#!/usr/bin/env bash
# pandoc 3.9 (in pypandoc-binary 1.17) writes formulas that Typst 0.15.2 does not know.
#
# LaTeX's \cap becomes the Typst symbol "sect", \bigcap "sect.big", \otimes "times.circle". Typst has renamed them
# (to "inter" and "times.o") and now stops with an error.
#
# Seen: $A \cap B$ -> "$A sect B$" -> unknown variable: sect; $a \otimes b$ -> unknown symbol modifier.
# Expected: a PDF, as with \cup, which still has its name.
# Why it matters: an article written once for HTML and PDF has formulas of conditional probabilities (sensitivity is
# P(T and D) / P(D)) and tensor products, and it is the PDF alone that fails, far from the formula's line.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pypandoc-binary==1.17 typst==0.15.2
venv/bin/python - <<'PYTHON'
import pypandoc
import typst

print("pandoc", pypandoc.get_pandoc_version())
seen = {}
for formula in (r"A \cup B", r"P(T \cap D) / P(D)", r"\bigcap_i A_i", r"a \otimes b"):
    source = pypandoc.convert_text(f"${formula}$", "typst", format="markdown")
    try:
        typst.compile(source.encode())
        seen[formula] = "fine"
    except Exception as error:
        seen[formula] = str(error).splitlines()[0]
    print(formula, "->", source.strip(), "->", seen[formula])
good, *bad = seen.values()
assert good == "fine"
assert all("unknown" in message for message in bad)
PYTHON
