//! With the feature `demo`, the pages of the demo are part of the program: built again, they have to be taken anew.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_DEMO").is_some() {
        println!("cargo:rerun-if-changed=../demo-react/dist");
    }
}
