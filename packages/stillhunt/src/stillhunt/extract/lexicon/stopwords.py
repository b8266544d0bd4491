"""The commonest function words of twenty languages: the frame of a sentence, never its topic.

Written for this product. Part of `SKETCH_VERSION`: a change here changes topics. Scripts written
without spaces list single characters, as those are their tokens. Words are given in any spelling; the tokeniser
folds case and accents before they are compared.
"""

from __future__ import annotations

STOP_WORDS: dict[str, str] = {
    "en": """
        a about above after again all also am an and any are aren't as at be because been before being below
        between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during
        each every few for from further had has hasn't have haven't having he her here hers herself him himself
        his how however i if i'd i'll i'm i've in into is isn't it it's its itself just let let's may me might
        more most must my myself no nor not of off on once one only or other our ours ourselves out over own
        per please same shall she should so some such than that that's the their theirs them themselves then
        there these they they're this those through to too under until up upon us use used using very via was
        wasn't we we're were what when where whether which while who whom whose why will with within without
        won't would yes yet you you're your yours yourself give make get need want like following given than
        thus therefore if else when first next last new many much based
    """,
    "es": """
        a al algo algunas algunos ante antes aquel aquella aquello así aún aunque bajo bien cada como cómo con
        contra cual cuál cuales cualquier cuando cuándo cuanto de del desde después donde dónde dos durante e
        el él ella ellas ellos en entonces entre era eran es esa esas ese eso esos esta está están estas este
        esto estos estoy fue fueron ha había hace hacer han has hasta hay he hemos incluso la las le les lo los
        más me mediante mi mis mientras mismo mucho muchos muy nada ni no nos nosotros nuestra nuestro o os
        otra otras otro otros para pero poco por porque pues puede pueden puedo que qué quien quién se sea
        según ser si sí sido siempre sin sobre solo son soy su sus también tan tanto te tiene tienen toda todas
        todo todos tu tus un una unas uno unos usted ustedes y ya yo tú
    """,
    "fr": """
        à afin ai ainsi alors après as au aucun aussi autre autres aux avait avant avec avez avoir avons c ça
        car ce ceci cela celle celles celui ces cet cette ceux chaque chez comme comment contre d dans de
        depuis des donc dont du durant elle elles en encore entre es est et étaient était être eu eux fait
        faire faut fois hors il ils j je jusque l la là le les leur leurs lors lui m ma mais me même mêmes mes
        moi moins mon n ne ni nos notre nous on ont ou où par parce pas pendant peu peut peuvent peux plus
        plusieurs pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si sinon
        son sont sous soit suis sur t ta tandis te tel telle tes toi ton toujours tous tout toute toutes très
        tu un une vers voici vos votre vous y
    """,
    "de": """
        ab aber alle allem allen aller alles als also am an andere anderen auch auf aus außer bei beim bevor
        bin bis bist bitte da dabei dadurch dafür damit danach dann darauf das dass dazu dein deine dem den
        denn der deren des dessen die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem
        einen einer eines einige er es etwas euch euer für ganz gegen gibt hab habe haben hat hatte hatten hier
        hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in indem ins ist ja jede jedem jeden jeder
        jedes jedoch jetzt kann kannst kein keine können könnte man mehr mein meine meinem meinen meiner mich
        mir mit möchte muss müssen nach neben nein nicht nichts noch nun nur ob oder ohne sehr sein seine
        seinen seiner seit selbst sich sie sind so solche soll sollen sollte sondern sowie über um und uns
        unser unsere unter viel viele vom von vor wann war waren warum was wegen weil welche welcher welches
        wenn wer werde werden wie wieder will wir wird wo wurde wurden zu zum zur zwischen
    """,
    "pt": """
        a à ainda algum alguma algumas alguns ao aos apenas após aquela aquele aquilo as às assim até cada com
        como contra da das de dela dele deles depois desde dessa desse deste do dos duas durante e é ela elas
        ele eles em embora enquanto entre era eram essa essas esse esses esta está estão estar estas este estes
        eu foi foram for há isso isto já lhe lhes lo mais mas me mesma mesmo meu meus minha muito muitos na não
        nas nem nenhum no nos nós nossa nosso num numa o onde os ou outra outras outro outros para pela pelas
        pelo pelos pode podem por porém porque portanto pouco qual quais qualquer quando quanto que quem são se
        seja sem sempre ser será seu seus si sido sob sobre só sua suas também tão te tem têm tenho ter teu
        toda todas todo todos tu tudo um uma umas uns você vocês vos
    """,
    "it": """
        a abbia ad agli ai al alcuni alla alle allo allora altre altri altro anche ancora avere aveva bene che
        chi ci ciò coi col come con contro cosa così cui da dagli dai dal dalla dalle degli dei del dell della
        delle dello dentro di dopo dove due durante e è ed era erano essere fa fare fatto fino fra gli ha hai
        hanno ho i il in io l la le lei li lo loro lui ma mentre mi mia mie miei mio molto ne negli nei nel
        nell nella nelle no noi non nostra nostro o ogni oppure per perché però più poi possono prima può qual
        quale quali quando quanto quella quelle quelli quello questa queste questi questo qui quindi se sei
        senza si sia siamo sono sopra sotto sta stata stato su sua sue sui sul sulla suo suoi tra tu tua tue
        tuo tutta tutte tutti tutto un una uno vi voi
    """,
    "nl": """
        aan al alle alleen als altijd ander andere ben bij daar dan dat de deze die dit doch doen door dus een
        elk en er ge geen had heb hebben heeft hem het hier hij hoe hun ik in is ja je jij jou jouw jullie kan
        kunnen kunt maar me meer men met mij mijn moet moeten mogen na naar niet niets nog nu of om omdat onder
        ons onze ook op over te tegen ten tijdens toch toen tot tussen u uit uw van vanaf veel voor waar waarom
        waren was wat we wel welke werd wie wij wil worden wordt zal ze zich zij zijn zo zonder zou zullen
    """,
    "sv": """
        alla allt att av bara blev bli blir både de deras dem den denna deras dess det detta dig din där då
        efter eller en ett för från ha hade han hans har hon hur här i inte jag kan kunde man med mellan men
        mig min mot mycket måste när någon något några och också om oss på sedan sig sin sina ska skall skulle
        som så till under upp ut utan vad var vara varför vi vid vilken vill än är över
    """,
    "pl": """
        a aby ale albo ani aż bardzo bez bo być był była było były będzie będą ci ciebie co czy dla do dlaczego
        gdy gdzie go i ich ile im inny inne ja jak jaka jakie jako je jego jej jest jestem jeszcze jeśli jeżeli
        już każdy kiedy kto która które który których lub ma mają mam mi między mnie może można mój moje my na
        nad nam nas nasz nie nic niech niż o od on ona one oni ono oraz po pod ponieważ poprzez przed przez
        przy są się sobie swój ta tak także tam te tego tej ten też to tu twój ty tych tylko tym u w we więc
        wszystko wszystkie z za ze że
    """,
    "ru": """
        а без более бы был была были было быть в вам вас весь во вот все всё всего всех вы где да даже для до
        его ее её если есть ещё еще же за здесь и из или им их к каждый как какая какие какой когда кого
        которая которое которые который которых кто ли лишь между меня мне много может можно мой моя мы на над
        надо нас наш не него нее ней нет нею ни них но ну нужно о об однако он она они оно от очень перед по
        под после потом потому почему при про пожалуйста с сам свой своих свою себя сейчас со так также такая
        такие такой там тебя тем то тоже только того той тот ты у уже хотя чего чей чем через что чтобы чтоб
        эта эти это этого этой этом этот этих я
    """,
    "uk": """
        а або але без би був була були було бути в вам вас ви від він вона вони воно все всі де для до є з за
        зі і із її їх його й як яка який які якщо ж коли кожен ли лише між мене мені ми мій може можна на над
        нам нас наш не ні них о один під по при про с свій себе собі та так також там те тебе теж ти тим то
        того той тому треба тут у уже хто це цей цього ці чи чому ще що щоб я
    """,
    "tr": """
        acaba ama ancak artık aslında az bana bazı belki ben benim beni bile bir biraz birçok biri birkaç biz
        bize bizim bu buna bunda bundan bunlar bunu bunun çok çünkü da daha de defa değil diye dolayı en eğer
        fakat gibi göre hangi hem henüz hep her herhangi hiç için ile ise işte kadar kendi kez ki kim kimse
        lütfen mı mi mu mü nasıl ne neden nerede nereye niçin niye o olan olarak oldu olduğu olduğunu olmak
        olması olsa olsun olur ona onlar onların onu onun ondan oysa öyle rağmen sadece sana sen senin siz
        sizin sonra şey şu şunu tüm üzere var ve veya ya yani yine yok zaten
    """,
    "id": """
        ada adalah agar akan aku anda antara apa apakah atas atau bagaimana bagi bahwa banyak beberapa belum
        berikut bila bisa boleh buat bukan cara dalam dan dapat dari daripada dengan di dia harus hanya hingga
        ia ini itu jadi jangan jika juga kali kalau kami kamu kapan karena ke kemudian kepada ketika kita lagi
        lain lalu lebih maka mana masih melalui mengapa menjadi mereka misalnya mohon mu namun nya oleh pada
        para paling pernah pun punya saat saja sama sampai sangat saya sebagai sebelum sebuah secara sedang
        sehingga selain seluruh semua seorang seperti serta setelah setiap siapa sudah supaya tanpa tapi telah
        tentang terhadap tersebut tetapi tidak tolong untuk yaitu yang
    """,
    "vi": """
        anh bạn bao bằng bên bị bởi cả các cách cái cần càng chỉ chị cho chúng chưa có còn con của cũng cùng đã
        đang đây để đến đều đi điều do đó đối được gì giữa hãy hay hoặc hơn khi không là lại làm lên mà mình
        mỗi một muốn này nào nên nếu ngay nhất nhau như nhưng những nơi nó nữa ở phải qua ra rằng rất rồi sao
        sau sẽ số sự tại tất thế theo thì thêm thể thay tôi trên trong trước từ từng tuy và vài vào vậy vẫn về
        vì việc với vừa xin
    """,
    "ar": """
        إذا إلا إلى أن أنا أنت أنتم أنه أنها أو أي أين أيضا إن إنه بعد بعض بل بن به بها بين تلك تم ثم جدا حتى
        حول حيث خلال دون ذلك رغم سوف على عليه عليها عن عند عندما عنه غير فقد فقط في فيه فيها قال قبل قد كان
        كانت كل كم كما كيف لا لأن لدى لذلك لقد لك لكل لكن لم لماذا لن له لها لهم لو لي ليس ليست ما ماذا متى مثل
        مع من منذ منه منها من نحن نحو هذا هذه هم هناك هنا هو هي هل وقد وكان ولا ولكن ولم وما ومن وهذا وهو وهي
        يا يتم يجب يكون يمكن
    """,
    "fa": """
        آن آنها اگر است از ای این با باید باشد بر برای بود بودن به بی بین پس تا تر چرا چه چون چند چگونه خود
        خواهد داد دارد داشت در درباره دو دیگر را روی زیر شد شده شود شما فقط کرد کردن کرده کند که کنم کنید کنیم
        لطفا ما مانند من می نمی نیز نیست ها هر هستند هم همه همین هیچ و وقتی ولی یا یک
    """,
    "hi": """
        अगर अपना अपनी अपने अब आप आपका आपकी आपके इन इस इसका इसकी इसके इसे उन उनका उनकी उनके उन्हें उस उसका उसकी
        उसके उसे एक एवं ऐसा ऐसे और कई कब कर करता करते करना करने करें कहा का कि किया किस किसी की कुछ के केवल को
        कोई कौन क्या क्यों क्योंकि गया गई गए जब जहाँ जा जाता जाती जाते जिस जिसका जिसे जैसा जैसे जो तक तब तो था
        थी थे दिया दे द्वारा न नहीं ने पर परंतु फिर बहुत बाद बारे भी मगर मुझे मेरा मेरी मेरे मैं मैंने यदि यह
        यहाँ या ये रहा रही रहे लिए लेकिन वह वहाँ वाला वाली वाले वे संग सकता सकते सब सभी साथ से हम हमारा हमारे
        ही हुआ हुई हुए हूँ है हैं हो होता होती होते होना होने
    """,
    "bn": """
        আপনার আপনি আমরা আমাকে আমাদের আমার আমি আর আরও আছে ইত্যাদি উপর এই এক একটি এটা এটি এবং এর এমন কখন করতে করা
        করে করুন কি কিছু কিন্তু কী কে কেন কোন কোথায় জন্য তবে তা তার তাদের তিনি তুমি তো থেকে দিয়ে দ্বারা না
        নয় নিয়ে পর পারে বা মধ্যে যা যদি যে যেমন সঙ্গে সব সাথে সে হবে হয় হয়ে হল
    """,
    "ko": """
        가 것 것은 것을 것이 것입니다 경우 그 그것 그녀 그는 그리고 그런 그러나 그래서 그러면 그럼 나 나는 내
        내가 너 너는 너의 다 다른 다음 당신 당신은 당신의 대한 대해 대해서 더 되는 된 될 등 때 때문에 또 또는
        또한 를 매우 모두 모든 및 뭐 무엇 무엇을 수 수가 수는 아니라 안 않는 않은 어떤 어떻게 언제 없는 없다
        없이 에 에서 여기 와 왜 우리 우리는 우리의 위해 위한 으로 은 을 의 이 이것 이것은 이런 이를 있는 있다
        있습니다 있어 있으며 있을 저 저는 전 제 제가 좀 주세요 지금 통해 하고 하기 하는 하나 하지만 한 할 함께
        합니다 해 해당 해서 해줘 해주세요 했다
    """,
    "zh": """
        的 一 是 了 我 不 人 在 他 有 这 這 个 個 上 们 們 来 來 到 时 時 和 说 說 要 就 出 会 會 可 也 你 对
        對 能 而 那 得 于 於 着 著 下 自 之 年 过 過 后 後 作 里 裡 以 然 去 子 么 麼 为 為 把 所 其 很 她 它
        与 與 或 及 但 如 因 从 從 向 被 给 給 让 讓 并 並 等 吗 嗎 呢 吧 啊 请 請 什 怎 哪 谁 誰 没 沒 还 還
        都 只 又 更 最 才 已 将 將 用 些 每 该 該 则 則 若 即 由 此 您 再 使 同 各 您 无 無 至 且
    """,
    "ja": """
        の に は を た が で て と し れ さ い る も な か こ そ あ り よ う ら ま す だ け ど へ や ば せ え
        っ く き ち つ ん わ げ め お み べ ず ぞ ね ろ ぐ じ ゃ ゅ ょ ほ
    """,
    "th": "า ะ ิ ี ึ ื ุ ู เ แ โ ใ ไ ่ ้ ็ ์ ั ๆ ํ",
}


def all_stop_words() -> list[str]:
    """Every listed word, each once, in a fixed order."""
    return sorted({word for words in STOP_WORDS.values() for word in words.split()})
