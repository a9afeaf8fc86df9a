# what people type most; `just` lists it
default:
    @just --list

# the demo, from nothing
demo dir="chant-demo":
    cargo run --release -- demo {{dir}}

# all tests
test *args:
    cargo test {{args}}

# what must hold before a change lands
ci:
    .ci/run

# figures, each beside Git's own commands in the same run; all of them are written into docs/performance.md
bench *args:
    cargo bench --bench beside_git -- {{args}}

# the book, if mdbook is installed
book:
    mdbook serve docs

# write generated reference pages anew
reference:
    CHANT_BLESS=1 cargo test --test it house
