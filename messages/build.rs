//! Compiles `proto/` when the feature `grpc` asks for it. Needs no `protoc`.

fn main() {
    println!("cargo::rerun-if-changed=proto");
    #[cfg(feature = "grpc")]
    if let Err(error) = generate() {
        println!("cargo::error=sync.proto could not be compiled: {error}");
    }
}

#[cfg(feature = "grpc")]
fn generate() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["proto/grocerysync/v1/sync.proto"], ["proto"])?;
    // No transport: who connects or listens brings its own, with its own TLS.
    tonic_prost_build::configure().build_transport(false).compile_fds(files)?;
    Ok(())
}
