"""Where a source that an attack names can be read: OWASP's lists, RFCs, MITRE ATLAS, advisories. Pure."""

import re

_API = (
    "0xa1-broken-object-level-authorization",
    "0xa2-broken-authentication",
    "0xa3-broken-object-property-level-authorization",
    "0xa4-unrestricted-resource-consumption",
    "0xa5-broken-function-level-authorization",
    "0xa6-unrestricted-access-to-sensitive-business-flows",
    "0xa7-server-side-request-forgery",
    "0xa8-security-misconfiguration",
    "0xa9-improper-inventory-management",
    "0xaa-unsafe-consumption-of-apis",
)
_LLM = (
    "llm01-prompt-injection",
    "llm022025-sensitive-information-disclosure",
    "llm032025-supply-chain",
    "llm042025-data-and-model-poisoning",
    "llm052025-improper-output-handling",
    "llm062025-excessive-agency",
    "llm072025-system-prompt-leakage",
    "llm082025-vector-and-embedding-weaknesses",
    "llm092025-misinformation",
    "llm102025-unbounded-consumption",
)
_ASI = "https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/"
_MCP = "https://modelcontextprotocol.io/specification/draft/basic/security_best_practices"


def link_of(source: str) -> str:
    """The address of a source, or nothing when it is not known."""
    if found := re.match(r"RFC ?(\d+)(?:[ ,§]*(?:section )?([\d.]*\d))?", source):
        section = f"#section-{found[2]}" if found[2] else ""
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{section}"
    if found := re.match(r"API(\d+)", source):
        return _numbered(_API, int(found[1]), "https://owasp.org/API-Security/editions/2023/en/{}/")
    if found := re.match(r"LLM(\d+)", source):
        return _numbered(_LLM, int(found[1]), "https://genai.owasp.org/llmrisk/{}/")
    return _named(source)


def _named(source: str) -> str:
    if found := re.search(r"AML\.T\d{4}(?:\.\d{3})?", source):
        return f"https://atlas.mitre.org/techniques/{found[0]}"
    if found := re.search(r"CVE-\d{4}-\d+", source):
        return f"https://www.cve.org/CVERecord?id={found[0]}"
    if found := re.search(r"GHSA(?:-[0-9a-z]{4}){3}", source):
        return f"https://github.com/advisories/{found[0]}"
    if found := re.match(r"CWE-(\d+)", source):
        return f"https://cwe.mitre.org/data/definitions/{found[1]}.html"
    if source.startswith("ASI"):
        return _ASI
    return _MCP if source.startswith("MCP") else ""


def _numbered(names: tuple[str, ...], number: int, address: str) -> str:
    return address.format(names[number - 1]) if 1 <= number <= len(names) else ""
