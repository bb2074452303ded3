//! The pages of the demo are part of the program: it is compiled again when they change.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../demo-react/dist");
}
