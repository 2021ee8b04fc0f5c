//! A package of each layout that was ever written is kept, and verifies for ever.
//!
//! `UPDATE_FIXTURES=1` writes the package of the present layout, if none is there; one that is there is never written again.

use std::io::Read as _;

use super::*;
use crate::evidence::replay::replay_files;

fn kept(layout: u64, ending: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evidence");
    folder.join(format!("layout-{layout}.{ending}"))
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever wants a package to be written says so"
)]
fn a_package_of_each_layout_verifies_for_ever() {
    let present = export::LAYOUT;
    if std::env::var_os("UPDATE_FIXTURES").is_some() && !kept(present, "tar.gz").exists() {
        let world = world();
        let tar = world.export(POLICE).0.tar("package").unwrap();
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(tar.as_slice(), flate2::Compression::best())
            .read_to_end(&mut packed)
            .unwrap();
        fs::write(kept(present, "tar.gz"), packed).unwrap();
        fs::write(kept(present, "pub"), world.signer.public_text().unwrap()).unwrap();
    }
    for layout in 1..=present {
        let home = tempfile::tempdir().unwrap();
        let packed = fs::read(kept(layout, "tar.gz")).unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()))
            .unpack(home.path())
            .unwrap();
        let folder = home.path().join("package");
        let key = fs::read_to_string(kept(layout, "pub")).unwrap();
        let found = check(&folder, Some(&SignerKey::parse(&key).unwrap()));
        assert!(
            matches!(found, Verification::Intact { .. }),
            "{layout}: {found:?}"
        );
        let public = kept(layout, "pub");
        assert_eq!(python(&folder, &["--signer", public.to_str().unwrap()]), 0);
        let files = verify::read(&folder).unwrap().unwrap();
        // Papers are compared by the version that made them: this one says that it is another.
        let again = replay_files(&files, "another version").unwrap();
        assert_eq!(
            (again.differences, again.papers),
            (vec![], None),
            "{layout}"
        );
        assert!(again.figures > 0);
    }
}
