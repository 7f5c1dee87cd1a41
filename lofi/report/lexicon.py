"""The words of chest films: which name a finding or a device, which say that something is changed, how they are spelt.

Collected from Open-i report texts, the label sets of public chest film collections (NIH ChestX-ray14, CheXpert,
VinDr-CXR, PadChest) and the Fleischner Society's glossary (Hansell et al., Radiology 246, 2008).
"""

import re

from lofi.report.spelling import Speller

_FINDINGS = r"""
abnormalit abscess adenopathy airspace.disease aneurysm artifact artefact aspiration.pneumon atelecta atherosclero bleb
blunting bronchiectas bronchitis bronchogram bulla bullous calcif callus cardiomegaly cardiac.failure catheter cavit
cephalization collapse congesti consolidat copd cuffing defibrillator deformit degenerat densit desiccation
dextrocardia dextroscolio dilatation dilation diseas distension distention ectasia edema oedema effusion electrode
elevation embol emphysem empyema engorgement enlarge eventrat fibro fluid foreign.bod fracture free.air
free.(?:intra\w+|sub\w+|abdominal).air free.gas gas.under goit granulom ground.glass hardware haziness heart.failure
hematoma haematoma hemopneumothora haemopneumothora hemothorax haemothorax hemothoraces hernia honeycomb
hydropneumothora hyperaerat hyperexpan hyperinflat hyperlucen hypoinflat hypoventil infectio infiltrat
interstitial.marking interstitial.prominence kerley kyphosis kyphotic lesion lobectomy lucenc lymphadenopathy lymphoma
malignan mastectomy metasta neoplas nodul opacifi opacit osteopeni osteophyte osteoporos pacemaker pacer picc
pneumatocele pneumomediastinum pneumonectomy pneumonia pneumonitis pneumopericard pneumoperitoneum pneumothora prosthe
reticul sarcoid scarring scolio sclerotic.lesion silicosis situs.inversus spondyl sternotomy subluxation surger surgical
suture tenting thickening thymoma tortuo tuberculosis uncoil vascular.prominence venous.hypertension volume.loss
widening
"""
_WHOLE_FINDINGS = """
line port tube clip wire mass stent spur shift valve process cyst tumor tumour plaque scar staple screw
aicd icd ptx pna chf ett ngt cvc
"""
_CHANGED = """
enlarged elevated blunted increased prominent tortuous widened dilated deviated displaced hyperexpanded hyperinflated
hyperlucent flattened collapsed engorged distended calcified ectatic thickened obscured decreased borderline abnormal
coarsened indistinct unfolded accentuated opacified scarred fractured
"""
_LOW_VOLUMES = r"(?:low|decreased|reduced|diminished|small|shallow) (?:lung|inspiratory) volumes?|" + (
    r"(?:lung|inspiratory) volumes?(?: are| is| remain| appear|:)? (?:\w+ly )?(?:low|reduced|small|diminished)|"
    r"(?:poor|shallow|low) inspirat\w+"
)
_LARGE_HEART = (
    r"(?:large|big|prominent) (?:heart|cardiac silhouette)|"
    r"(?:heart|cardiac (?:silhouette|contour)|heart size)(?: is| appears| remains| looks|:)? (?:\w+ly )?(?:large|big)"
)
GENERIC = re.compile(r"process|abnormalit|disease|line", re.IGNORECASE)
"""Findings so general that what they may stand for is named instead."""

FINDING = re.compile(
    rf"\b(?:{'|'.join(word.replace('.', r'[ -]') for word in _FINDINGS.split())}|"
    rf"(?:{'|'.join(_WHOLE_FINDINGS.split())})(?:s|es)?\b)",
    re.IGNORECASE,
)
"""The beginning of a word that names a finding or a device."""
_CHANGED_WORD = re.compile(rf"\b(?:{'|'.join(_CHANGED.split())}|{_LOW_VOLUMES}|{_LARGE_HEART})\b", re.IGNORECASE)
"""A word that says that something is not as it should be."""

_SPELT = """
abnormality abnormalities adenopathy aneurysm atelectasis atherosclerosis bronchiectasis calcification calcified
cardiomegaly catheter cavitation collapse congestion consolidation consolidations degenerative density densities
edema effusion effusions emphysema empyema enlarged enlargement fibrosis fracture fractures granuloma granulomas
hemothorax hernia hyperinflation infiltrate infiltrates infiltration interstitial kyphosis lesion lesions
lymphadenopathy mediastinum metastases nodule nodules opacity opacities opacification osteophytes pacemaker pleural
pneumonia pneumomediastinum pneumoperitoneum pneumothorax pneumothoraces pulmonary scoliosis scarring sternotomy
thickening tortuous tuberculosis bilateral perihilar retrocardiac costophrenic hemidiaphragm diaphragm endotracheal
nasogastric tracheostomy bibasilar basilar reticular
"""
"""Words that are long enough, and common enough in reports, to be known again when they are misspelt."""
_NOT_MISSPELT = """
enema lessons lesson legion legions regional intrusion infusion infusions diffusion nodular nodal capacity opaque
opacified infiltrated infiltrating consolidated consolidative fractured enlarge enlarging congestive congested
collapsed effusive calcifications calcific granulomatous fibrotic fibroses hernias hernial pleura pleurally
atelectatic emphysematous interstitium interstitially scarred kyphotic scoliotic bilaterally bilaterality diaphragms
hemidiaphragms cavitary cavitating cavitations mediastinal metastasis metastatic catheters aneurysms aneurysmal
densely dense intensity densitometry tortuosity thickened degeneration degenerated degenerate bronchiectatic
hyperinflated edematous calcify pacemakers adenopathies basal sarcoidosis pneumonias pneumonic pneumonitis
atherosclerotic arteriosclerosis hemithorax hemithoraces hydropneumothorax hemopneumothorax pneumothoraxes
hydrothorax hypoinflation hypoinflated engorgement testicular tuberculous osteophyte osteophytic unilateral
unilaterally clarification generative uncalcified noncalcified consolidating abnormally spurring engorged starting
features feature fibrosing parahilar classified fraction fractions structure structures granular
"""
SPELLER = Speller(_SPELT.split(), _NOT_MISSPELT.split())
_WORD = re.compile(r"[a-z]{5,}")


def finds(text: str) -> bool:
    """Whether the text names a finding or a device, be it misspelt."""
    return bool(FINDING.search(text)) or any(
        (meant := SPELLER.meant(word)) is not None and FINDING.match(meant) for word in _WORD.findall(text.lower())
    )


def changed(text: str) -> bool:
    """Whether the text says that something is not as it should be: "the aorta is tortuous"."""
    return bool(_CHANGED_WORD.search(text))


def names_finding(text: str) -> bool:
    """Whether the text names a finding or says that something is changed."""
    return changed(text) or finds(text)
