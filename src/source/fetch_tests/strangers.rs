//! Strangers' URLs: names, addresses and who may reach them.

use super::*;

async fn open_remote(resolver: Arc<Scripted>, exceptions: &[String], url: &str) -> Result<Opened, SourceError> {
    let exceptions = exceptions.iter().map(|text| HostPort::parse(text).unwrap()).collect();
    let source = Source::Remote(RemoteSource::new(PATIENT, Fetcher::new(exceptions, resolver, &VIA).unwrap()));
    source.open(&named(ObjectKey::from_url(&Url::parse(url).unwrap())), None, LIMIT).await
}

#[tokio::test]
async fn names_with_any_internal_address_are_refused() {
    let answers: [&[&str]; 4] = [&["127.0.0.1"], &["1.1.1.1", "127.0.0.1"], &["::1"], &["64:ff9b::7f00:1"]];
    for answer in answers {
        let error = open_remote(Scripted::new(&[answer]), &[], "http://rebind.example/a.png").await.unwrap_err();
        assert!(
            matches!(&error, SourceError::Refused(Refused::Name { name, .. }) if name == "rebind.example"),
            "{error}"
        );
        assert!(!error.public_text().contains("127"), "strangers do not learn addresses");
    }
    let error = open_remote(Scripted::new(&[&[]]), &[], "http://nowhere.example/").await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_connection_is_made_to_the_answer_of_its_one_lookup() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    let authority = format!("rebind.example:{}", origin.address().port());
    // Nobody listens at the second answer: a lookup between judging and connecting would end there.
    let resolver = Scripted::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let asked = Arc::clone(&resolver);
    changed(
        open_remote(resolver, std::slice::from_ref(&authority), &format!("http://{authority}/a.png")).await.unwrap(),
    );
    assert_eq!(asked.lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn named_exceptions_reach_internal_hosts_on_their_port_only() {
    let (origin, other) = (Origin::start(), Origin::start());
    for origin in [&origin, &other] {
        origin.serve("/a.png", Reply::ok("image/png", PNG));
    }
    let (port, other_port) = (origin.address().port(), other.address().port());
    let exceptions = [format!("pictures.example:{port}")];
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let url = format!("http://pictures.example:{port}/a.png");
    changed(open_remote(Arc::clone(&resolver), &exceptions, &url).await.unwrap());
    let url = format!("http://pictures.example:{other_port}/a.png");
    let error = open_remote(resolver, &exceptions, &url).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_connection_opened_in_trust_is_never_lent_to_a_stranger() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    let fetcher = Fetcher::new(Vec::new(), Scripted::new(&[&["127.0.0.1"]]), &VIA).unwrap();
    let url = format!("http://inside.example:{}/", origin.address().port());
    let trusted = HttpSource::new(&Url::parse(&url).unwrap(), [], PATIENT, fetcher.clone()).unwrap();
    changed(Source::Http(trusted).open(&object("a.png"), None, LIMIT).await.unwrap());
    let remote = Source::Remote(RemoteSource::new(PATIENT, fetcher));
    let stranger = named(ObjectKey::from_url(&Url::parse(&url).unwrap().join("a.png").unwrap()));
    let error = remote.open(&stranger, None, LIMIT).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused(_)), "{error}");
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn remote_answers_that_are_private_are_not_to_be_kept() {
    let origin = Origin::start();
    let exceptions = [origin.address().to_string()];
    let private = [("cache-control", "no-store"), ("cache-control", "private"), ("set-cookie", "a=b"), ("vary", "*")];
    for (name, value) in private {
        origin.serve("/a.png", Reply::ok("image/png", PNG).header(name, value));
        let opened = open_remote(Scripted::new(&[&[]]), &exceptions, &origin.url("/a.png")).await;
        assert!(!changed(opened.unwrap()).keep, "{name}: {value}");
    }
    origin.serve("/a.png", Reply::ok("image/png", PNG).header("vary", "accept"));
    assert!(changed(open_remote(Scripted::new(&[&[]]), &exceptions, &origin.url("/a.png?b")).await.unwrap()).keep);
}

async fn open_listed(fetcher: &Fetcher, hosts: &[&str], url: &str) -> Result<Fetched, SourceError> {
    let hosts = HostList::compile(hosts.iter().copied()).unwrap();
    let url = Url::parse(url).unwrap();
    let request = FetchRequest { url, trust: None, known: None, accept: PICTURES_FIRST, limit: LIMIT, hops: PATIENT };
    fetcher.get_from(&hosts, request).await
}

#[tokio::test]
async fn hosts_off_the_list_are_asked_neither_first_nor_on_a_redirects_word() {
    let (origin, other) = (Origin::start(), Origin::start());
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    origin.serve("/off.png", Reply::redirect(&other.url("/a.png")));
    other.serve("/a.png", Reply::ok("image/png", PNG));
    // The guard would let both pass.
    let fetcher = fetcher(&[origin.address().to_string(), other.address().to_string()]);
    let listed = origin.url("");
    let hosts = [listed.as_str()];
    assert!(matches!(open_listed(&fetcher, &hosts, &origin.url("/a.png")).await, Ok(Fetched::Body { .. })));
    for url in [other.url("/a.png"), origin.url("/off.png"), "https://example.com/a.png".to_owned()] {
        let error = open_listed(&fetcher, &hosts, &url).await.unwrap_err();
        assert_eq!(error, SourceError::Refused(Refused::Host), "{url}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn listed_names_with_internal_addresses_are_refused() {
    for answer in [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:7f00:1"]] {
        let fetcher = Fetcher::new(Vec::new(), Scripted::new(&[&answer]), &VIA).unwrap();
        let error = open_listed(&fetcher, &["http://*.example"], "http://rebind.example/a.png").await.unwrap_err();
        assert!(matches!(&error, SourceError::Refused(Refused::Name { .. })), "{error}");
    }
}
