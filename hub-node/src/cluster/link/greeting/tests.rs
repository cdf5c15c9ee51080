//! Who is welcome, and the words of version 1.

use std::io::Cursor;

use super::*;

fn boot(number: u8) -> BootId {
    format!("01890a5d-ac96-774b-bcce-b302099a80{number:02x}").parse().unwrap()
}

fn hello() -> Hello {
    let address = "hub-1:7000".into();
    Hello { protocol: 1, oldest: 1, cluster: "mark".into(), from: boot(1), to: boot(2), address }
}

fn welcome(refused: Option<Unwelcome>) -> Welcome {
    Welcome { protocol: 1, oldest: 1, boot: boot(2), refused }
}

#[test]
fn who_is_welcome() {
    let cases = [
        ("", hello()),
        ("", Hello { protocol: 9, ..hello() }),
        ("version", Hello { protocol: 9, oldest: 2, ..hello() }),
        ("version", Hello { protocol: 0, oldest: 0, ..hello() }),
        ("other_cluster", Hello { cluster: "another".into(), ..hello() }),
        ("other_process", Hello { to: boot(3), ..hello() }),
        ("other_process", Hello { from: boot(2), ..hello() }),
    ];
    for (code, hello) in cases {
        let found = judge_hello(&hello, boot(2), "mark").err().map(|refused| refused.code);
        assert_eq!(found.unwrap_or_default(), code, "{hello:?}");
    }
}

#[test]
fn what_the_answer_means() {
    assert_eq!(judge_welcome(welcome(None), boot(2)), Ok(()));
    let other = judge_welcome(welcome(None), boot(3)).unwrap_err();
    assert_eq!(other.code, "other_process");
    let far = judge_welcome(Welcome { protocol: 9, oldest: 9, ..welcome(None) }, boot(2)).unwrap_err();
    assert_eq!(far.code, "version");
    // Reasons of a later version are passed on as they are.
    let later = Unwelcome::new("moved_house", "ask somebody else");
    assert_eq!(judge_welcome(welcome(Some(later.clone())), boot(2)), Err(later));
}

#[test]
fn clusters_are_told_apart_without_telling_their_names() {
    let (one, again, other) = (Secrets::of("shop"), Secrets::of("shop"), Secrets::of("shoq"));
    assert_eq!((&one.mark, &one.cookie), (&again.mark, &again.cookie));
    assert_ne!(one.mark, other.mark);
    assert_ne!(one.cookie, other.cookie);
    assert_ne!(one.mark, one.cookie);
    assert_eq!((one.mark.len(), one.cookie.len()), (64, 64));
}

#[tokio::test]
async fn words_arrive_as_they_were_said() {
    let mut wire = Vec::new();
    say(&mut wire, &hello()).await.unwrap();
    let refused = welcome(Some(Unwelcome::certificate("expired")));
    say(&mut wire, &refused).await.unwrap();
    let mut wire = Cursor::new(wire);
    assert_eq!(hear::<Hello>(&mut wire).await.unwrap(), hello());
    assert_eq!(hear::<Welcome>(&mut wire).await.unwrap(), refused);
}

#[tokio::test]
async fn what_is_no_greeting_is_an_error() {
    for bytes in [&b""[..], b"\x00", b"\x00\x05hel", b"\x00\x03abc", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff"] {
        assert!(hear::<Hello>(&mut Cursor::new(bytes)).await.is_err(), "{bytes:?}");
    }
}

/// As version 1 says them; a later one must understand them for as long as nodes of version 1 may be met.
#[test]
fn the_words_of_version_1_do_not_change() {
    let sample = "86a870726f746f636f6c01a66f6c6465737401a7636c7573746572a46d61726ba466726f6dc41001890a5dac96774bbcceb302099a\
                  8001a2746fc41001890a5dac96774bbcceb302099a8002a761646472657373aa6875622d313a37303030";
    assert_eq!(hex(&rmp_serde::to_vec_named(&hello()).unwrap()), sample);
    let sample = "83a870726f746f636f6c01a66f6c6465737401a4626f6f74c41001890a5dac96774bbcceb302099a8002";
    assert_eq!(hex(&rmp_serde::to_vec_named(&welcome(None)).unwrap()), sample);
}
