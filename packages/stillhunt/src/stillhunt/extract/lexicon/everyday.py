"""Phrases of everyday work: people's follow-ups, their own data, code and mathematics; as in `lexicon.py`."""

from __future__ import annotations

EVERYDAY: dict[str, str] = {
    "follow_up": """
        en: continue | go on | keep going | carry on | thanks | thank you | thx | ty | ok | okay | great | perfect
            | cool | nice | why | why not | how so | really | are you sure | doesn't work | does not work
            | didn't work | not working | still not working | still wrong | that's wrong | that is wrong
            | that's not right | that's not what i | that's not | i meant | what i meant | make it shorter
            | shorter | make it longer | longer | more details | more detail | elaborate | expand on
            | can you explain | explain more | what do you mean | what about | how about | try again | again
            | redo | rewrite it | rephrase | another one | one more | more examples | give me more | anything else
            | in simpler terms | simplify it | summarize that | you forgot | you missed | wait | hmm | sorry
            | yes please | yes | no | can you also | could you also | also | and then | same for | instead
            | fix it | fix that | change it | change that | it says | i get an error | same error
        zh: 继续 | 繼續 | 谢谢 | 謝謝 | 为什么 | 為什麼 | 还是不行 | 不行 | 不对 | 不對 | 再来 | 再來 | 短一点
            | 简短一点 | 详细一点 | 换一个 | 好的 | 还有吗 | 还有呢 | 重新 | 再写 | 再說
        ja: 続けて | 続き | ありがとう | なぜ | どうして | もっと短く | 短くして | もっと詳しく | もう一度
            | 違います | 動きません | 動かない | 他には
        ko: 계속 | 계속해 | 계속해줘 | 감사합니다 | 고마워 | 왜 | 왜요 | 다시 | 더 짧게 | 짧게 | 더 자세히
            | 안 돼요 | 안돼 | 아니 | 틀렸어 | 네 | 좋아
        es: continúa | sigue | gracias | por qué | no funciona | más corto | hazlo más corto | más detalles
            | otra vez | de nuevo | otro | vale | estás seguro | y si
        fr: continue | merci | pourquoi | ça ne marche pas | ne fonctionne pas | plus court | plus de détails
            | encore | d'accord | tu es sûr | et si
        de: weiter | mach weiter | danke | warum | geht nicht | funktioniert nicht | kürzer | mach es kürzer
            | mehr details | nochmal | noch einmal | noch eins | bist du sicher | stimmt nicht
        ru: продолжай | продолжи | дальше | спасибо | почему | не работает | короче | сделай короче | подробнее
            | ещё раз | ещё | ты уверен | неправильно
        ar: استمر | أكمل | تابع | شكرا | لماذا | لا يعمل | أقصر | مرة أخرى | المزيد | هل أنت متأكد
        pt: continue | continua | obrigado | obrigada | por quê | por que | não funciona | não funcionou
            | mais curto | mais detalhes | de novo | outro | tem certeza
        it: continua | grazie | perché | non funziona | più corto | più dettagli | di nuovo | ancora | sei sicuro
        hi: जारी रखें | जारी रखो | धन्यवाद | शुक्रिया | क्यों | काम नहीं | छोटा करें | फिर से | और बताओ
        id: lanjutkan | lanjut | terima kasih | makasih | kenapa | mengapa | tidak bisa | tidak berhasil
            | lebih pendek | lebih detail | lagi | coba lagi
        tr: devam | devam et | teşekkürler | teşekkür ederim | neden | çalışmıyor | olmadı | daha kısa | kısalt
            | daha detaylı | tekrar | emin misin
        th: ต่อ | ขอบคุณ | ทำไม | สั้นกว่านี้ | ใช้ไม่ได้ | อีกครั้ง
        vi: tiếp tục | tiếp | cảm ơn | tại sao | không được | không hoạt động | ngắn hơn | chi tiết hơn | làm lại
            | lại
    """,
    "own_data": """
        en: my code | my script | my project | my repo | my repository | my app | my function | my query
            | my database | my table | my spreadsheet | my file | my files | my data | my dataset | my essay
            | my paper | my thesis | my resume | my cv | my cover letter | my email | my boss | my manager
            | my team | my company | my website | my server | my order | my account | my card | my booking
            | my reservation | my homework | my assignment | our company | our team | our code | our codebase
            | our customers | our customer | our product | our invoice | our invoices | our database | our website
            | our app | our repo | our policy | our report | attached file | see attached | git repo
            | traceback most recent call last | kind regards | best regards | dear mr | dear ms | dear sir | fwd
            | i attached | here is my | here's my | this is my
        zh: 我的代码 | 我的项目 | 我的文件 | 我的论文 | 我的简历 | 我的公司 | 我的数据 | 我们公司 | 我们的产品
            | 我们的客户 | 我的程序 | 我的老板 | 附件
        ja: 私のコード | 私の会社 | 弊社 | 当社 | 我が社 | 自分のコード | 私のファイル | 私の論文 | 私の履歴書
        ko: 내 코드 | 제 코드 | 우리 회사 | 저희 회사 | 제 파일 | 내 파일 | 제 논문 | 제 이력서 | 우리 팀
        es: mi código | mi proyecto | mi empresa | mi archivo | mi jefe | mi currículum | nuestra empresa
            | nuestro equipo | nuestros clientes | mi tesis | mi pedido | mi cuenta
        fr: mon code | mon projet | mon entreprise | mon fichier | mon cv | mon patron | notre entreprise
            | notre équipe | nos clients | ma thèse | mon mémoire | ma commande | mon compte
        de: mein code | meinen code | meinem code | mein projekt | meine firma | unsere firma | unser unternehmen
            | unserem unternehmen | unser team | mein lebenslauf | meine datei | unsere kunden | meine bestellung
        ru: мой код | моего кода | моём коде | мой проект | моя компания | наша компания | нашей компании
            | моё резюме | мой файл | наши клиенты | мой заказ
        ar: الكود الخاص بي | شركتنا | شركتي | ملفي | مشروعي | سيرتي الذاتية | عملائنا
        pt: meu código | meu projeto | minha empresa | meu arquivo | nossa empresa | nossa equipe
            | nossos clientes | meu currículo | meu chefe | meu pedido | minha conta
        it: il mio codice | mio codice | mia azienda | nostra azienda | mio progetto | nostri clienti
            | mio curriculum
        hi: मेरा कोड | मेरे कोड | मेरी कंपनी | हमारी कंपनी | मेरी फ़ाइल | मेरा प्रोजेक्ट
        id: kode saya | proyek saya | perusahaan saya | perusahaan kami | file saya | skripsi saya
            | pelanggan kami
        tr: kodum | kodumu | projem | şirketim | şirketimiz | dosyam | müşterilerimiz | tezim | siparişim
        th: โค้ดของฉัน | บริษัทของเรา | โปรเจกต์ของฉัน
        vi: mã của tôi | công ty tôi | công ty của tôi | công ty chúng tôi | dự án của tôi | tệp của tôi
            | đơn hàng của tôi
    """,
    "code_asked": """
        en: write a function | write a python | write python | python script | python function | python program
            | python code | write a program | write a script | write a class | write a unit test
            | write unit tests | write code | code snippet | sql query | write a query | javascript function
            | java program | bash script | regular expression | regex | implement a function
            | implement this function | implement the function | implement a class | implement an algorithm
            | debug this | fix this code | fix the code | refactor | code review | docstring | react component
            | dockerfile | kubernetes | api endpoint | shell command | leetcode | competitive programming
            | production quality code | unit tests | stack trace | segmentation fault | programming language
            | competitive programmer
        zh: 写一个函数 | 编写一个函数 | 写一段代码 | 编写代码 | python代码 | python 代码 | 写一个程序
            | 编写一个程序 | 编程题 | 代码实现 | 實作一個函式
        ja: 関数を書いて | コードを書いて | プログラムを書いて | スクリプトを書いて | 関数を実装
        ko: 함수를 작성 | 코드를 작성 | 프로그램을 작성 | 스크립트를 작성 | 함수를 구현
        es: escribe una función | escribe un programa | escribe un script | escribe código | consulta sql
            | código python
        fr: écris une fonction | écrire une fonction | écris un programme | écris un script | requête sql
            | code python
        de: schreibe eine funktion | schreibe ein programm | schreibe ein skript | sql abfrage | python skript
        ru: напиши функцию | напишите функцию | напиши программу | напиши код | напиши скрипт | на python
        ar: اكتب دالة | اكتب برنامج | اكتب كود | كود بايثون | لغة بايثون
        pt: escreva uma função | escreva um programa | escreva um script | escreva código | consulta sql
            | código python
        hi: फ़ंक्शन लिखें | प्रोग्राम लिखें | कोड लिखें | पायथन कोड
        id: tulis fungsi | buat fungsi | tulis program | buat program | kode python | tulis kode
        tr: fonksiyon yaz | program yaz | kod yaz | python kodu | bir fonksiyon yazın
        th: เขียนฟังก์ชัน | เขียนโปรแกรม | เขียนโค้ด
        vi: viết hàm | viết một hàm | viết chương trình | viết mã | mã python
    """,
    "code_word": """
        en: def | elif | println | printf | cout | endl | const | void | nullptr | std | public | static | func
            | fn | args | kwargs | self | foreach | async | await | var | href | div | px | import | include
            | struct | typedef | lambda | boolean | nil | undefined | usr | sudo | pip | npm | async def | todo
            | param | returns | assert | enum | namespace | template | javascript | python | html | css | sql
            | select | varchar | int64 | uint8 | float32 | str | bool | elseif | endif | echo | php | json | stdin
            | stdout | argv
    """,
    "mathematics": """
        en: solve for | find the value of | prove that | what is the probability | how many ways | find the sum of
            | find the area | find all real | find the number of | compute the | evaluate the integral
            | derivative of | positive integer | positive integers | real number | real numbers | prime number
            | prime factorization | greatest common | least common | quadratic equation | linear equation
            | system of equations | polynomial | right triangle | circumference | hypotenuse | arithmetic sequence
            | geometric sequence | modulo | square root | to the power of | math problem | matrix multiplication
            | eigenvalue | eigenvalues | dice are rolled | simplify the expression | common fraction
            | what is 7 plus 7 | what is 7 times 7 | how much does | how much money
        zh: 求解 | 方程 | 求证 | 证明 | 概率是多少 | 多少种 | 求和 | 面积是 | 积分 | 导数 | 数学题 | 三角形
            | 正整数 | 计算 | 平方根 | 質數 | 质数
        ja: 方程式 | 証明せよ | 証明して | 確率を求め | 面積を求め | 積分 | 微分 | 三角形 | 計算して | 計算せよ
            | 正の整数 | 素数
        ko: 방정식 | 방정식을 | 증명하 | 확률을 | 넓이를 | 적분 | 미분 | 삼각형 | 계산하 | 계산해 | 소수 | 자연수
        es: resuelve la ecuación | ecuación | demuestra que | probabilidad de que | derivada de | integral de
            | triángulo | número primo | calcula el | calcula la
        fr: résous l'équation | équation | démontre que | démontrer que | probabilité que | dérivée de
            | intégrale de | triangle | nombre premier | calcule la | calculer
        de: löse die gleichung | gleichung | beweise dass | wahrscheinlichkeit dass | ableitung | integral
            | dreieck | primzahl | berechne
        ru: реши уравнение | решите уравнение | уравнение | докажи что | докажите что | вероятность того
            | производная | производную | интеграл | треугольник | треугольника | простое число | вычисли
            | вычислите
        ar: حل المعادلة | المعادلة | أثبت أن | ما احتمال | مشتقة | تكامل | مثلث | عدد أولي | احسب
        pt: resolva a equação | equação | prove que | probabilidade de | derivada de | integral de | triângulo
            | número primo | calcule
        hi: समीकरण | हल करें | सिद्ध कीजिए | प्रायिकता | त्रिभुज | अभाज्य संख्या | गणना करें
        id: persamaan | buktikan bahwa | probabilitas | turunan dari | segitiga | bilangan prima | hitunglah
            | hitung
        tr: denklemi çöz | denklem | kanıtlayın | ispatlayın | olasılığı | türevi | integrali | üçgen | asal sayı
            | hesapla | hesaplayın
        th: สมการ | พิสูจน์ว่า | ความน่าจะเป็น | สามเหลี่ยม | จำนวนเฉพาะ | คำนวณ
        vi: phương trình | chứng minh rằng | xác suất | đạo hàm | tích phân | tam giác | số nguyên tố | tính tổng
    """,
    "formula_word": """
        en: frac | dfrac | tfrac | sqrt | mathbb | mathbf | mathrm | leq | geq | cdot | pmod | overline | infty
            | begin align | binom | triangle | angle | boxed | pi | theta | sum | int | lfloor | sin | cos | log
    """,
}
"""Feature -> phrases, as in `lexicon.LEXICON`."""
